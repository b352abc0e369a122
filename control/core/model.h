/*
 * The resources of the control plane as plain data: what a client asked for (spec) and what control
 * assigned to it. Names refer to other resources; nothing points. Pure; whoever holds a struct owns
 * it. The store keeps these structs, the API reads and writes them as JSON.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/intent.h"

#define MODEL_NAME_BYTES    INTENT_NAME_BYTES
#define MODEL_LABELS_MAX    16
#define MODEL_PORTS_MAX	    8
#define MODEL_ADDRESSES_MAX 4

enum model_kind {
	KIND_SITE,
	KIND_GATEWAY,
	KIND_LINK,
	KIND_PATH,
	KIND_COUNT,
};

/* Index of the two ends of a link or a path, and of the direction that leaves that end. */
enum model_end {
	END_A = 0,
	END_Z = 1
};

struct site {
	uint8_t prefix_count;
	struct ip_prefix prefixes[INTENT_PREFIXES_MAX];
};

struct gateway_port {
	char name[MODEL_NAME_BYTES];
	uint8_t address_count;
	struct ip_addr addresses[MODEL_ADDRESSES_MAX];
};

struct gateway {
	char site[MODEL_NAME_BYTES];
	uint8_t port_count;
	struct gateway_port ports[MODEL_PORTS_MAX];
};

enum link_family {
	FAMILY_ANY = 0,
	FAMILY_IPV4 = 4,
	FAMILY_IPV6 = 6
};

struct link_end {
	char gateway[MODEL_NAME_BYTES];
	char port[MODEL_NAME_BYTES];
};

struct link {
	struct link_end ends[2];
	uint64_t capacity_bps; /* in each direction */
	uint64_t rtt_ns;       /* as the operator knows it */
	uint8_t family;	       /* enum link_family */
	bool is_down;	       /* by the operator: takes no new path */
	uint8_t id;	       /* control's number for it, 1..255; 0: none yet */
};

struct path_end {
	char site[MODEL_NAME_BYTES];
	uint8_t prefix_count; /* 0: all of the site's */
	struct ip_prefix prefixes[INTENT_PREFIXES_MAX];
};

/* What control chose for a path. Zero before admission. */
struct path_assignment {
	uint32_t id;
	uint32_t generation;	   /* counts every change a gateway must apply */
	uint32_t proof_generation; /* the oldest generation whose proof still counts */
	uint64_t digest;	   /* of all that needs a new proof when it changes */
	char link[MODEL_NAME_BYTES];
	bool is_reversed; /* the path's end A sits at the link's end Z */
	bool is_deleting;
};

struct path {
	struct path_end ends[2];
	uint8_t match_count;
	struct intent_match match[INTENT_MATCHES_MAX];
	uint64_t rate_bps[2]; /* guaranteed, leaving end A and end Z */
	uint64_t max_bps[2];
	uint8_t class;
	uint8_t when_down; /* enum intent_when_down */
	struct path_assignment assigned;
};

struct label {
	char key[MODEL_NAME_BYTES];
	char value[MODEL_NAME_BYTES];
};

struct object {
	enum model_kind kind;
	char name[MODEL_NAME_BYTES];
	uint64_t revision; /* of its last change; the store's */
	uint8_t label_count;
	struct label labels[MODEL_LABELS_MAX];
	union {
		struct site site;
		struct gateway gateway;
		struct link link;
		struct path path;
	};
};

struct class_info {
	const char *name;
	uint8_t id;
	uint8_t dscp; /* of the outer packets */
};

/* 1 to 63 of [A-Za-z0-9._-], the first one a letter or digit. */
bool model_name_is_valid(const char *name);
/* Copies a name; false, and dst empty, when it does not fit. */
bool model_name_set(char dst[MODEL_NAME_BYTES], const char *src);

const char *model_kind_name(enum model_kind kind);   /* "site" */
const char *model_kind_plural(enum model_kind kind); /* "sites" */
/* KIND_COUNT when there is none of that name. */
enum model_kind model_kind_find(const char *name);
enum model_kind model_kind_find_plural(const char *plural);

/* Built-in classes; NULL behind the last one or for an unknown name. */
const struct class_info *model_class_at(uint32_t index);
const struct class_info *model_class_find(const char *name);

/* "block", "best_effort"; WHEN_DOWN_COUNT for an unknown name. */
const char *model_when_down_name(uint8_t when_down);
uint8_t model_when_down_find(const char *name);

const struct gateway_port *gateway_port_find(const struct gateway *gateway, const char *name);
/* The port's first address of the family (FAMILY_ANY: IPv4 first), or NULL. */
const struct ip_addr *gateway_port_address(const struct gateway_port *port, uint8_t family);
/* The family a link runs over given its two ports, FAMILY_ANY when they share none. */
uint8_t link_family_choose(const struct link *link, const struct gateway_port *a,
			   const struct gateway_port *z);
/* The link's end where the path's `end` sits. */
enum model_end path_link_end(const struct path *path, enum model_end end);

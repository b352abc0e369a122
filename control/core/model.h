/*
 * The resources of the control plane as plain data: what a client asked for (spec) and what control
 * assigned to it. Names refer to other resources; nothing points. Pure; whoever holds a struct owns
 * it. The store keeps these structs, the API reads and writes them as JSON.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/cluster.h"
#include "dataplane/core/intent.h"

#define MODEL_NAME_BYTES    INTENT_NAME_BYTES
#define MODEL_LABELS_MAX    16
#define MODEL_PORTS_MAX	    8
#define MODEL_ADDRESSES_MAX 4
#define MODEL_CLASS_COUNT   3 /* lossless, bulk, control: ids 0..2 */

enum model_kind {
	KIND_SITE,
	KIND_GATEWAY,
	KIND_LINK,
	KIND_PATH,
	KIND_TENANT,
	KIND_CLUSTER,
	KIND_COUNT,
};

/* Index of the two ends of a link or a path, and of the direction that leaves that end. */
enum model_end {
	END_A = 0,
	END_Z = 1
};

/* What the packets of a class look like in a site's LAN. */
struct site_class {
	bool is_mapped;	      /* false: the site has no wish, delivered packets stay as they are */
	uint8_t dscp;	      /* of the inner packets, 0..63 */
	uint8_t pfc_priority; /* 0..7 */
};

#define MODEL_ACCELERATORS_MAX 4
#define MODEL_WORD_BYTES       32

/* A kind of accelerator that a site has: who builds it, how it talks inside and to other sites. */
struct site_accelerator {
	char vendor[MODEL_WORD_BYTES];
	char model[MODEL_WORD_BYTES];
	char fabric[MODEL_WORD_BYTES]; /* inside the site; empty: not told */
	uint32_t count;
	uint8_t transport; /* enum intent_protocol: ANY (not told), ROCE or TCP */
};

struct site {
	uint8_t prefix_count;
	uint8_t accelerator_count;
	struct ip_prefix prefixes[INTENT_PREFIXES_MAX];
	struct site_class qos[MODEL_CLASS_COUNT]; /* by class id */
	struct site_accelerator accelerators[MODEL_ACCELERATORS_MAX];
};

/* What the paths of a tenant may take together; 0: no limit. */
struct tenant {
	uint64_t rate_bps;     /* guaranteed, of each path the larger direction, at any instant */
	uint64_t paths;	       /* that there are, but expired ones */
	uint64_t horizon_ns;   /* no window reaches further ahead; without an end a lease is due */
	uint64_t buffer_bytes; /* in all gateways, at any instant */
};

struct gateway_port {
	char name[MODEL_NAME_BYTES];
	uint8_t address_count;
	struct ip_addr addresses[MODEL_ADDRESSES_MAX];
};

struct gateway {
	char site[MODEL_NAME_BYTES];
	uint64_t buffer_bytes; /* that paths may reserve; 0: not counted */
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

/* By the operator. */
enum link_admin {
	ADMIN_UP,
	ADMIN_DRAIN, /* takes no new path; those that it has move away one after the other */
	ADMIN_DOWN,  /* likewise, all at once */
	ADMIN_COUNT
};

#define MODEL_SRLGS_MAX		8
#define LINK_RESERVABLE_DEFAULT 90
#define LINK_COST_DEFAULT	10

struct link {
	struct link_end ends[2];
	uint64_t capacity_bps;	     /* in each direction */
	uint64_t rtt_ns;	     /* as the operator knows it */
	uint32_t reservable_percent; /* of the capacity, that paths may be guaranteed together */
	uint32_t cost;		     /* less is taken first */
	uint8_t family;		     /* enum link_family */
	uint8_t admin;		     /* enum link_admin */
	uint8_t id;		     /* control's number for it, 1..255; 0: none yet */
	uint8_t srlg_count;
	/* What fails together: fibres, ducts, providers. Sorted. */
	char srlgs[MODEL_SRLGS_MAX][MODEL_NAME_BYTES];
};

struct path_end {
	char site[MODEL_NAME_BYTES];
	uint8_t prefix_count; /* 0: all of the site's */
	struct ip_prefix prefixes[INTENT_PREFIXES_MAX];
};

/* What a path is worth: its reservation, not what gateways make of it (path_state.h). */
enum path_life {
	LIFE_COMMITTED,
	LIFE_HELD,    /* admitted, waits for commit until hold_until_ns */
	LIFE_EXPIRED, /* holds nothing any more */
	LIFE_COUNT
};

enum path_expiry {
	EXPIRY_NONE,
	EXPIRY_HOLD,  /* was not committed in time */
	EXPIRY_LEASE, /* was not renewed in time */
	EXPIRY_END,   /* its window is over */
	EXPIRY_COUNT
};

/* Times: ns since the epoch, 0 for none. */
#define PATH_HOLD_DEFAULT_NS 60000000000ull
#define PATH_HOLD_MIN_NS     5000000000ull
#define PATH_HOLD_MAX_NS     900000000000ull
#define PATH_LEASE_MIN_NS    5000000000ull
#define PATH_LEASE_MAX_NS    86400000000000ull
#define PATH_EXPIRED_KEEP_NS 3600000000000ull /* for whoever asks what became of it */

/* What is booked beside the link that carries a path. */
enum path_protection {
	PROTECTION_NONE,
	PROTECTION_ONE_TO_ONE, /* a second link that shares no risk with it */
	PROTECTION_COUNT
};

/* Why a path moves to another tunnel while the old one still carries it. */
enum path_move {
	MOVE_NONE,   /* it does not */
	MOVE_ASKED,  /* its spec wants or needs another link */
	MOVE_GROUND, /* its link, or a gateway's port, changed */
	MOVE_DRAIN,  /* the operator drains its link */
	MOVE_DOWN,   /* the operator took its link down */
	MOVE_FAILED, /* its link lost its proof: to the backup */
	MOVE_BACK,   /* the link that it was to move to was never proved */
	MOVE_COUNT
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
	char cluster[MODEL_NAME_BYTES]; /* that made it and keeps it; empty: a client did */
	uint8_t life;			/* enum path_life */
	uint8_t expiry;			/* enum path_expiry: what made it LIFE_EXPIRED */
	uint64_t hold_until_ns;		/* of LIFE_HELD */
	uint64_t lease_until_ns;	/* of LIFE_COMMITTED with a lease */
	uint64_t expired_ns;		/* when it became LIFE_EXPIRED */
	char backup[MODEL_NAME_BYTES];	/* a link that is booked as well; empty: none */
	/* It moves to `link` from here: both are booked. Empty: from another port of `link`. */
	char from[MODEL_NAME_BYTES];
	uint8_t move;	   /* enum path_move */
	uint8_t last_move; /* the same, of the last change of its link: whatever became of it */
	/* Of a path that moves: the first generation that did. A gateway that has this or a later
	 * one, and reports no error, is carried by one tunnel or the other. */
	uint32_t move_generation;
	/* Of a path that moves: its rates meanwhile, which both tunnels have room for; and the end
	 * of its window (0: none) on the old one, whatever end it has on the new one. */
	uint64_t move_rate_bps[2], move_max_bps[2], move_end_ns;
};

struct path {
	struct path_end ends[2];
	uint8_t match_count;
	struct intent_match match[INTENT_MATCHES_MAX];
	uint64_t rate_bps[2]; /* guaranteed, leaving end A and end Z */
	uint64_t max_bps[2];
	uint8_t class;
	uint8_t when_down;		     /* enum intent_when_down */
	uint8_t protection;		     /* enum path_protection */
	bool is_manual;			     /* held until it is committed */
	uint64_t rtt_max_ns;		     /* of the route; 0: any */
	uint64_t start_ns, end_ns;	     /* window; 0: from now on, for ever */
	uint64_t lease_ns;		     /* 0: none */
	uint64_t hold_ns;		     /* is_manual: how long it waits for commit */
	char tenant[MODEL_NAME_BYTES];	     /* empty: nobody's, no quota */
	char diverse_from[MODEL_NAME_BYTES]; /* a path whose links' SRLGs this one's avoid */
	char pin[MODEL_NAME_BYTES];	     /* the link that it asks for; empty: any */
	struct path_assignment assigned;
};

/* A site of a virtual cluster, and what of it takes part. */
struct cluster_member {
	char site[MODEL_NAME_BYTES];
	char interface[MODEL_NAME_BYTES]; /* of its hosts, for the job's settings; empty: not told
					   */
	uint32_t nodes;
	uint32_t accelerators; /* in each node */
};

struct virtual_cluster {
	uint8_t member_count;
	struct cluster_member members[CLUSTER_MEMBERS_MAX];
	struct cluster_demand demand;
	struct path path; /* what all of its paths have in common: no ends, no rates */
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
		struct tenant tenant;
		struct virtual_cluster cluster;
	};
};

struct class_info {
	const char *name;
	uint8_t id;
	uint8_t dscp; /* of the outer packets */
	uint8_t rank; /* 0 is served first: outbound.c in the gateway */
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

/* "none", "1:1"; PROTECTION_COUNT for an unknown name. */
const char *model_protection_name(uint8_t protection);
uint8_t model_protection_find(const char *name);

/* "asked", "changed", "drain", "down", "failed", "returned"; "none". */
const char *model_move_name(uint8_t move);

/* "up", "drain", "down"; ADMIN_COUNT for an unknown name. */
const char *model_admin_name(uint8_t admin);
uint8_t model_admin_find(const char *name);

const struct gateway_port *gateway_port_find(const struct gateway *gateway, const char *name);
/* The port's first address of the family (FAMILY_ANY: IPv4 first), or NULL. */
const struct ip_addr *gateway_port_address(const struct gateway_port *port, uint8_t family);
/* The family a link runs over given its two ports, FAMILY_ANY when they share none. */
uint8_t link_family_choose(const struct link *link, const struct gateway_port *a,
			   const struct gateway_port *z);
/* The link's end where the path's `end` sits. */
enum model_end path_link_end(const struct path *path, enum model_end end);
static inline bool path_is_moving(const struct path *path)
{
	return path->assigned.move != MOVE_NONE;
}
/* Guaranteed and maximal rates that its gateways are told now, leaving end A and end Z. */
const uint64_t *path_rates_now(const struct path *path);
const uint64_t *path_max_now(const struct path *path);
/* Begins a move in place, from the link, rates and end of `old`, which may be moving already. */
void path_move_begin(struct path *path, const struct path *old, enum path_move move);
/* What it does now is no move: a new proof, for which nothing is kept. */
void path_move_stop(struct path *path);
/* Its gateways proved the new tunnel: only that is booked now. */
void path_move_end(struct path *path);

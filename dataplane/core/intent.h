/*
 * What control wants of this gateway, as plain data: the input of plan (plan.h), of the rule
 * compiler (ruleset.h) and of the workers' path set-up. Pure; owned by the agent thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/prefix.h"

#define INTENT_NAME_BYTES   64
#define INTENT_PREFIXES_MAX 16
#define INTENT_MATCHES_MAX  8
#define INTENT_RANGES_MAX   8
/* SHA-256 in 64 hexadecimal digits, and a 0. */
#define INTENT_CERTIFICATE_BYTES 65
#define INTENT_RTT_MAX_NS	 10000000000ull
/* That a gateway carries, and its intent names. */
#define INTENT_PATHS_MAX 4096
/* Of one path in a line of the intent, and of the line: whatever names and rules its paths have. */
#define INTENT_TEXT_MAX (7u << 10)
#define INTENT_LINE_MAX (INTENT_PATHS_MAX * INTENT_TEXT_MAX + 1024)

/* Protocol classes that rules name. ANY also takes IP fragments; the others never do. */
enum intent_protocol {
	PROTOCOL_ANY = 0,
	PROTOCOL_ROCE = 1, /* UDP 4791 (InfiniBand Annex A17) */
	PROTOCOL_TCP = 2,
	PROTOCOL_UDP = 3, /* UDP but 4791 */
	PROTOCOL_ICMP_ECHO = 4,
	PROTOCOL_COUNT
};

struct intent_match {
	uint8_t protocol;    /* enum intent_protocol */
	uint8_t range_count; /* TCP and UDP; 0: all ports. A range matches source or destination
				port */
	uint64_t dscp_mask;  /* bit n: DSCP n matches; 0: all */
	struct {
		uint16_t first, last;
	} ranges[INTENT_RANGES_MAX];
};

enum intent_phase {
	PHASE_RECEIVE = 1, /* take tunnel packets, probe, but claim nothing */
	PHASE_CLAIM = 2,   /* and claim traffic */
	PHASE_DRAIN = 3,   /* stop claiming, still receive */
};

/* What becomes of a path's traffic while no gateway carries it. */
enum intent_when_down {
	WHEN_DOWN_BLOCK = 0,	   /* it is dropped: it must never leave in clear */
	WHEN_DOWN_BEST_EFFORT = 1, /* the kernel routes it */
	WHEN_DOWN_COUNT
};

/* How this end's LAN tells the path's class: sites differ. What is not given stays as it is. */
struct intent_deliver {
	bool has_dscp, has_priority;
	uint8_t dscp;	  /* of inner packets as they are delivered */
	uint8_t priority; /* that is paused (IEEE 802.1Qbb), at ports that pause the class */
};

struct intent_path {
	char name[INTENT_NAME_BYTES];
	uint32_t id;	     /* on the wire, the same at both ends */
	uint32_t generation; /* of this path's intent */
	uint8_t phase;	     /* enum intent_phase */
	uint8_t class;
	uint8_t dscp;	   /* outer DSCP */
	uint8_t when_down; /* enum intent_when_down */
	uint8_t link_id;
	uint16_t peer_udp_port; /* of lane 0 */
	uint16_t peer_lanes;
	uint32_t far_lan_mtu;	      /* inner IP packets above are not claimed */
	uint64_t rate_bps;	      /* guaranteed, outbound from here */
	uint64_t max_bps;	      /* shaped to; >= rate_bps */
	char peer[INTENT_NAME_BYTES]; /* the far gateway's name */
	char port[INTENT_NAME_BYTES]; /* the WAN port here */
	struct ip_addr local_addr, peer_addr;
	uint64_t link_rtt_ns;  /* as the operator knows the link, 1 to INTENT_RTT_MAX_NS */
	uint64_t link_bps;     /* capacity, each way */
	uint64_t peer_max_bps; /* what the far end shapes to: our windows must take that in */
	char peer_certificate[INTENT_CERTIFICATE_BYTES]; /* the only one that peer may show */
	struct intent_deliver deliver;
	uint8_t near_count, far_count, match_count;
	struct ip_prefix near[INTENT_PREFIXES_MAX];
	struct ip_prefix far[INTENT_PREFIXES_MAX];
	struct intent_match match[INTENT_MATCHES_MAX];
};

struct intent {
	uint64_t revision;
	uint64_t term; /* control's leader; a lower one than seen before is refused */
	uint32_t path_count;
	struct intent_path *paths; /* sorted by name, names unique */
};

/* Is an inner packet from src to dst one that this end may send (or, mirrored, receive)? */
bool intent_path_permits(const struct intent_path *path, const struct ip_addr *near,
			 const struct ip_addr *far);

enum intent_fault {
	INTENT_OK = 0,
	INTENT_NAME,  /* empty or not terminated: path, peer or port */
	INTENT_ORDER, /* names are not sorted or not unique */
	INTENT_ID,    /* 0, or another path's too */
	INTENT_GENERATION,
	INTENT_PHASE,
	INTENT_CLASS,	    /* class or outer DSCP */
	INTENT_PEER,	    /* UDP port or lanes */
	INTENT_FAMILY,	    /* local and peer address differ in family */
	INTENT_RATE,	    /* a max is 0, or below the guaranteed rate */
	INTENT_LINK,	    /* round trip or capacity is 0, or the round trip too long */
	INTENT_CERTIFICATE, /* not 64 lower-case hexadecimal digits */
	INTENT_PREFIXES,    /* none, too many, or bits set past the length: near or far */
	INTENT_MATCH,	    /* none, too many, unknown protocol, or ports where there are none */
	INTENT_RANGE,	    /* a port range is reversed */
	INTENT_WHEN_DOWN,
	INTENT_DELIVER, /* DSCP or priority; or not that of another path of this class */
	INTENT_FAULT_COUNT
};

/*
 * Is the intent one that the rest may trust? The first fault, with the index of its path in *index.
 * Quadratic in the paths for unique ids: an agent's affair, not a worker's.
 */
enum intent_fault intent_check(const struct intent *intent, uint32_t *index);
/* A few words, for logs. */
const char *intent_fault_text(enum intent_fault fault);

#define INTENT_NO_PRIORITY 0xff
/*
 * Of a checked intent: the priority of each class in this site's LAN to priorities[CLASS_COUNT],
 * INTENT_NO_PRIORITY where its paths name none. A class without a path keeps what stands there.
 */
void intent_priorities(const struct intent *intent, uint8_t *priorities);

/* NULL: no such path. By name: binary search. By id: the one of that name first, then all. */
const struct intent_path *intent_find(const struct intent *intent, const char *name);
const struct intent_path *intent_find_id(const struct intent *intent, uint32_t id,
					 const char *name);

/*
 * Does what both ends proved for a still hold for b: the same id and name, tunnel ends, selectors
 * and class? The rest (generation, rates, far MTU, DSCPs, when_down, phase) may differ.
 */
bool intent_path_same_identity(const struct intent_path *a, const struct intent_path *b);
/*
 * Is b what a is, between the same two gateways and for the same traffic, but over another link:
 * other tunnel ends, and a later word of control (another generation), which tells the two apart in
 * probes? Then a can become b while it carries traffic.
 */
bool intent_path_moves(const struct intent_path *a, const struct intent_path *b);
/* The same in all but the phase? */
bool intent_path_same_settings(const struct intent_path *a, const struct intent_path *b);

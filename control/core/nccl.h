/*
 * Settings of the library by which a job's members talk to each other (NCCL; RCCL, which reads
 * the same names; Gloo), made for the paths between them, each with its reason in plain words.
 * Pure; any thread. Names and ranges are those of NCCL 2.18 to 2.28 (its user guide and sources),
 * Gloo's two segments of 1 MiB those of its allreduce.h.
 *
 * Sizes. BDP is the largest rate x round trip of a path of the cluster; `rings` is the number of
 * rings that run over the same path at once (hierarchical all-reduce has one for each accelerator
 * of the smallest member; 1 is the careful guess).
 *
 * Window: NCCL has a buffer for each channel and peer, sent in 8 steps and handed back two at a
 * time, a round trip later, so that 3/4 of all buffers are on their way at once:
 * rings x channels x NCCL_BUFFSIZE x 3/4 >= BDP. 8 channels, up to 32 where a buffer would be
 * larger than 64 MiB; a buffer is a power of two, 4 (NCCL's default) to 128 MiB.
 *
 * Sockets: rings x channels x sockets >= rate / 5 Gb/s, which is about what one core of a host
 * copies; a power of two up to 32 for a connection, at most 4 to a thread.
 *
 * TCP: a socket uses half of its buffer as window, so that tcp_rmem >= 2 x BDP / sockets; a power
 * of two, 16 MiB to 1 GiB. Gloo has one socket to a peer for each ring.
 *
 * InfiniBand timeout t: 4.096 us x 2^t >= 4 x RTT (what the gateways repair takes up to 3 more
 * round trips, and a host that sends again too early only adds load), and 8 x that (7 retries) >=
 * the outage to survive; at most 22, NCCL's limit.
 *
 * Queue pairs: rings x channels x queue pairs >= rate / 10 Gb/s, 1 to 8, for a flow stays on one
 * worker of a gateway.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/core/cluster.h"

#define NCCL_SETTINGS_MAX	24
#define NCCL_OUTAGE_DEFAULT_NS	10000000000ull
#define NCCL_INTERFACE_BYTES	64
#define NCCL_SETTING_NAME_BYTES 40
#define NCCL_SETTING_TEXT_BYTES 72
#define NCCL_REASON_BYTES	256

/* Bits: whose accelerators there are. */
enum nccl_vendor {
	NCCL_VENDOR_NVIDIA = 1,
	NCCL_VENDOR_AMD = 2,
	NCCL_VENDOR_OTHER = 4,
};

/* What is known of a job. All but `interface` and `dscp` must be the same for all members. */
struct nccl_facts {
	uint64_t rate_bps;   /* of the fastest path */
	uint64_t rtt_ns;     /* of the longest one */
	uint64_t bdp_bytes;  /* the largest rate x round trip of a path */
	uint64_t outage_ns;  /* that the job is to survive; 0: NCCL_OUTAGE_DEFAULT_NS */
	uint32_t rings;	     /* over the same path at once; 0: 1 */
	uint8_t pattern;     /* enum cluster_pattern */
	uint8_t vendors;     /* bits of enum nccl_vendor; 0: not known, taken for one of NCCL's */
	uint8_t dscp;	     /* of the path's class at this member's site */
	bool is_rdma;	     /* every member's accelerators talk RoCEv2 to other sites */
	bool has_same_nodes; /* as many NICs in a node at each member */
	char interface[NCCL_INTERFACE_BYTES]; /* of this member's hosts; empty: not known */
};

enum nccl_library {
	NCCL_LIBRARY_NCCL,
	NCCL_LIBRARY_GLOO, /* between sites; inside a site each vendor's own */
};

struct nccl_sizes {
	uint8_t library; /* enum nccl_library: between sites */
	uint8_t ib_timeout;
	uint32_t channels;
	uint32_t sockets; /* of a connection */
	uint32_t threads; /* that serve them */
	uint32_t queue_pairs;
	uint64_t buffer_bytes;
	uint64_t chunk_bytes;  /* of a send to one peer */
	uint64_t piece_bytes;  /* what moves on as a whole */
	uint64_t tcp_bytes;    /* a socket's largest buffer */
	uint64_t window_bytes; /* in flight on one path at most, with these settings */
};

enum nccl_scope {
	NCCL_SCOPE_JOB,	 /* variable of the job's environment */
	NCCL_SCOPE_HOST, /* sysctl of every host */
	NCCL_SCOPE_COUNT
};

struct nccl_setting {
	uint8_t scope; /* enum nccl_scope */
	char name[NCCL_SETTING_NAME_BYTES];
	char value[NCCL_SETTING_TEXT_BYTES];
	char reason[NCCL_REASON_BYTES];
};

/* "nvidia" and "amd" in any case; NCCL_VENDOR_OTHER for all else. */
uint8_t nccl_vendor_find(const char *vendor);
const char *nccl_library_name(uint8_t library); /* "nccl", "gloo" */
const char *nccl_library_reason(const struct nccl_facts *facts);
const char *nccl_scope_name(uint8_t scope); /* "env", "sysctl" */

/* Pattern, rate, round trip and bandwidth-delay product of a plan's edges as they are now. */
void nccl_facts_of_plan(const struct cluster_demand *demand, const struct cluster_plan *plan,
			struct nccl_facts *facts);

/* window_bytes and piece_bytes are what cluster_outlook wants to know. */
void nccl_sizes_for(const struct nccl_facts *facts, struct nccl_sizes *sizes);
/*
 * Writes up to `max` settings, in a fixed order, and returns how many there are, never more than
 * NCCL_SETTINGS_MAX: with a larger result than max the caller calls again with more room.
 */
uint32_t nccl_settings(const struct nccl_facts *facts, struct nccl_setting *out, uint32_t max);

/*
 * A second opinion on admission, as simple as can be: it keeps, for each resource and each second,
 * how much is used, and finds everything by looking at every second. Times are seconds; what comes
 * after ORACLE_SECONDS is one last slot, "for ever".
 *
 * It shares with the core the sizes of windows (tunnel_sizes.c has a test of its own) and nothing
 * else.
 */
#pragma once

#include "control/core/admission.h"

#define ORACLE_SECONDS 1000u
#define ORACLE_NS      1000000000ull
#define ORACLE_FOREVER UINT32_MAX
#define ORACLE_LINKS   16u
#define ORACLE_SITES   4u
#define ORACLE_NODES   6u /* gateways */
#define ORACLE_TENANTS 4u
/* Two directions per link, then gateways, then rates and buffers of tenants. */
#define ORACLE_GATEWAY(node)	   (2 * ORACLE_LINKS + (node))
#define ORACLE_QUOTA(tenant, what) (2 * ORACLE_LINKS + ORACLE_NODES + 2 * (tenant) + (what))
#define ORACLE_RESOURCES	   ORACLE_QUOTA(ORACLE_TENANTS, 0)

struct oracle_link {
	uint32_t nodes[2];
	uint32_t srlgs; /* a bit each */
	uint64_t rtt_ns, cost;
	bool is_open, is_v6;
};

struct oracle_path {
	bool is_there;
	uint32_t sites[2];
	uint32_t tenant;
	uint64_t rate_bps[2], max_bps[2];
	uint64_t rtt_max_ns;
	int diverse_from; /* another path, or -1 */
	uint32_t start_s, end_s;
	uint32_t link; /* where it is */
};

struct oracle {
	uint32_t node_sites[ORACLE_NODES];
	struct oracle_link links[ORACLE_LINKS];
	uint64_t limits[ORACLE_RESOURCES]; /* 0: none */
	uint64_t used[ORACLE_RESOURCES][ORACLE_SECONDS + 1];
};

/* What a path takes, and of which resources, on this link. */
struct oracle_claim {
	uint32_t resources[ADMISSION_RESOURCES];
	uint64_t amounts[ADMISSION_RESOURCES];
};

bool oracle_joins(const struct oracle *oracle, const struct oracle_path *path, uint32_t link);
/* The path's end A sits at the link's end Z. */
bool oracle_is_reversed(const struct oracle *oracle, const struct oracle_path *path, uint32_t link);
void oracle_claim(const struct oracle *oracle, const struct oracle_path *path, uint32_t link,
		  struct oracle_claim *claim);
void oracle_book(struct oracle *oracle, const struct oracle_path *path);
void oracle_release(struct oracle *oracle, const struct oracle_path *path);
/* Is nothing over-booked at any second? */
bool oracle_is_sound(const struct oracle *oracle);

bool oracle_fits(const struct oracle *oracle, const struct oracle_path *path, uint32_t link);
/* With a second link beside its own: a gateway of both keeps the larger buffers. */
bool oracle_fits_beside(const struct oracle *oracle, const struct oracle_path *path, uint32_t link);
/* The path may go there by its rules; `peers`: links that it must be disjoint from. */
bool oracle_may_go(const struct oracle *oracle, const struct oracle_path *path, uint32_t link,
		   const uint32_t *peers, uint32_t peer_count, int current,
		   enum admission_code *refusal);
bool oracle_is_disjoint(const struct oracle *oracle, uint32_t a, uint32_t b);
/* The verdict, and the link if it is a good one. current: -1, or where the path is. */
enum admission_code oracle_decide(const struct oracle *oracle, const struct oracle_path *path,
				  const uint32_t *peers, uint32_t peer_count, int current,
				  uint32_t *link);
/* The first second from which on it would fit; ORACLE_FOREVER: none. */
uint32_t oracle_earliest(const struct oracle *oracle, const struct oracle_path *path,
			 uint32_t link);
/* The first second from start_s on at which it does not; ORACLE_FOREVER: none. */
uint32_t oracle_longest(const struct oracle *oracle, const struct oracle_path *path, uint32_t link);

/*
 * The rules that hold between resources, checked on a draft before it is committed; and what
 * control assigns on the way: link numbers, path numbers, generations and links of paths. Control's
 * thread.
 */
#pragma once

#include "control/core/intent_plan.h"
#include "control/io/draft.h"
#include "control/io/problem.h"

struct ledger;

/*
 * Keeps at hand, as the observer of the store's head, what rules look for, so that one request need
 * not look at all objects. Without it they do. NULL without memory.
 */
struct ledger *validate_begin(struct store *store);
void validate_end(struct ledger *ledger);
/* What a gateway reports of itself counts in admission: its workers and MTUs. */
void validate_note_gateway(struct ledger *ledger, const char *name,
			   const struct gateway_traits *traits, uint32_t wan_mtu);
/* False, and the problem says why, when the draft must not be committed. */
/*
 * Also makes the paths of clusters that the draft puts, and lets those go of clusters that it
 * deletes.
 */
bool validate_draft(struct draft *draft, struct problem *problem);
/*
 * What a path stands on, as the draft has it; traits are left zero. False when something is missing
 * or its link does not join its sites (any more).
 */
bool path_context_find(const struct draft *draft, const struct object *path,
		       struct path_context *context);
/* Room for the name of any cluster's path; it may turn out to be too long for a path. */
#define CLUSTER_PATH_NAME_BYTES (3 * MODEL_NAME_BYTES)
/* Of the path between members a and z (a < z): "train.a-b". */
void cluster_path_name(const struct object *cluster, uint8_t a, uint8_t z,
		       char name[CLUSTER_PATH_NAME_BYTES]);
/* Makes it a committed one, with a lease from now on where it has one. */
void path_commit(struct path *path, uint64_t now_ns);
/* The clock of windows, holds and leases: ns since the epoch. */
uint64_t validate_now_ns(void);

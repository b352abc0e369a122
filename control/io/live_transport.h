/*
 * What gateways report of the transport of paths and links: kept, turned into rates and put into
 * the status of paths and links. Control's thread.
 *
 * A report tells of some paths' transport only, in turn; what was told before stays.
 */
#pragma once

#include "control/io/live.h"

/* What the new entry does not tell of, it takes over from the former one (NULL: there is none). */
void live_transport_keep(json_t *entry, const json_t *former);

/* Takes a new look; borrows json and keeps a reference. */
void live_sample(struct live_samples *samples, json_t *json, uint64_t now_ns);
void live_samples_clear(struct live_samples *samples);

/* {out_bps, in_bps, lost_ps, resent_ps, loss_share} of one end; NULL: too few reports yet. */
json_t *live_rates_json(const struct live_path_end *end);
/* Both ends in one: round trip, goodput, loss; NULL: no end has told. A gateway that is not heard
 * any more has no rates. */
json_t *live_path_transport_json(const struct live_path *path, const bool is_fresh[2]);
/* That the path at this end has fewer buffers than it wants, what follows and what helps; false:
 * there is nothing to say. max_bps: what the path may send and receive there. */
bool live_path_notice(const struct live_path_end *end, const char *gateway,
		      const uint64_t max_bps[2], char *text, size_t size);
json_t *live_link_json(const struct live *live, const struct object *link, uint64_t now_ns);

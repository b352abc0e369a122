/*
 * One end of a lane under test: the tunnel with a model beside it. Every call goes through here, is
 * compared with what the model says, and leaves the promises of tunnel.h, order.h, credit.h and
 * arq_*.h checked. A promise that is broken aborts.
 *
 * The model keeps each cookie's whereabouts with the sums of what is retained and held, which
 * sequences came, and what was delivered and granted.
 */
#pragma once

#include "dataplane/core/tunnel.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/tunnel_ledger.h"

#define END_SEQS (1u << 17) /* more than can be accepted with all cookies */

struct end {
	struct tunnel t;
	void *memory;
	uint64_t now;

	struct ledger ledger;
	uint64_t delivered, delivered_bytes; /* since the last reset, as all below */
	uint8_t came[END_SEQS];		     /* by sequence, from first_seq on */
	uint32_t came_top;		     /* one past the last one */
	uint64_t missing;		     /* the lowest that did not come */
	uint64_t told_seq, told_bytes;	     /* the newest grant */
	struct tunnel_stats seen;	     /* counters only grow, resets or not */
};

void end_init(struct end *e, const struct tunnel_config *config, uint64_t now);
/* Flushes first: every cookie must come back. */
void end_free(struct end *e);
/* The peer is back: flushed, then as new, without keys. */
void end_restart(struct end *e);

/* All that must be true between two calls. */
void end_check(struct end *e);

/* May these be sent? As tunnel_may_send, which must change nothing. */
bool end_may_send(struct end *e, uint32_t count, uint32_t bytes);
/* unit: all but cookie and sequence. The caller has asked end_may_send and ledger_is_full. */
void end_send(struct end *e, struct tunnel_unit *unit, uint32_t bucket, struct wire_data *data);
bool end_repair(struct end *e, struct tunnel_unit *unit, struct wire_data *data, uint32_t *copies);
uint32_t end_poll(struct end *e);
/* Written and parsed again; the length. */
uint32_t end_ack_write(struct end *e, uint8_t *dst);
uint32_t end_ping_write(struct end *e, uint8_t *dst);

bool end_on_packet(struct end *e, const struct wire_header *header);
/* What wire_frame_next would accept. *cookie: the one that is held now, if true. */
bool end_on_data(struct end *e, const struct wire_data *data, uint8_t ecn, uint64_t *cookie);
void end_on_ack(struct end *e, const struct wire_ack *ack, uint32_t max);
void end_on_ping(struct end *e, uint64_t next_seq);

/* The next to deliver, looked at twice; then delivered. */
bool end_ready(struct end *e, struct tunnel_unit *unit, bool *is_broken);
void end_delivered(struct end *e, const struct tunnel_unit *unit, bool is_broken);

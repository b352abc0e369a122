/*
 * One direction of the emulated line: a rate server with two finite queues, then the line itself,
 * which delays, loses, reorders, duplicates and corrupts.
 *
 * Pure: time is an argument, frames are slot numbers of the caller. One owner thread. A slot that
 * link_on_frame accepted is the link's until link_poll hands it back, always exactly once; for
 * every link holds: rx_frames + duplicated = tx_frames + sum(dropped) + link_held(link).
 * Frames of one class leave in the order in which they came, but for those that --reorder holds
 * back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct link_config {
	uint64_t delay_ns;
	uint64_t jitter_ns;   /* uniform, at most this much more or less; keeps the order */
	uint64_t rate_bps;    /* of Ethernet frames without FCS; 0: no limit */
	uint64_t queue_bytes; /* of each of the two queues; 0: queue_ns worth of rate */
	uint64_t queue_ns;
	uint64_t reorder_ns; /* how long a reordered frame is held back */
	double loss;	     /* Bernoulli */
	double burst_enter;  /* Gilbert-Elliott: chance per frame to enter the state that loses all
				... */
	double burst_leave;  /* ... and to leave it */
	double reorder;
	double duplicate;
	double corrupt;
	uint64_t seed;
	uint64_t priority_dscp; /* bit n: DSCP n goes into the queue that is served first */
};

enum link_drop {
	LINK_PASS,
	LINK_DROP_QUEUE,
	LINK_DROP_LOSS,
	LINK_DROP_BURST,
	LINK_DROP_CUT,
	LINK_DROP_SLOT, /* slot number out of range: the caller ran out of slots */
	LINK_DROP_COUNT,
};

struct link_stats {
	uint64_t rx_frames, rx_bytes;
	uint64_t tx_frames, tx_bytes;
	uint64_t priority_frames;
	uint64_t duplicated, reordered, corrupted;
	uint64_t max_queue_bytes; /* of the fuller queue */
	uint64_t dropped[LINK_DROP_COUNT];
};

struct link_slot { /* the link's notes on one frame */
	uint64_t arrival_ns;
	uint64_t due_ns;
	uint64_t order;
	uint32_t len_bytes;
	uint32_t next;
	uint32_t epoch;
	int32_t corrupt_bit;
	uint8_t copies;
	uint8_t cause; /* enum link_drop: why copies is 0 */
};

struct link_fifo {
	uint32_t head, tail;
	uint64_t bytes;
};

enum link_dice {
	DICE_LOSS,
	DICE_BURST,
	DICE_JITTER,
	DICE_REORDER,
	DICE_DUPLICATE,
	DICE_CORRUPT,
	DICE_COUNT
};

struct link {
	struct link_config config;
	struct link_stats stats;
	struct link_slot *slots;
	uint32_t *heap; /* slots on the line, first due on top */
	uint32_t slot_count, heap_len;
	uint32_t queued;
	struct link_fifo priority, best_effort;
	uint64_t line_free_ns;
	uint64_t line_remainder; /* of the division by the rate, so that rates are exact */
	uint64_t last_due_ns;
	uint64_t order;
	uint64_t dice[DICE_COUNT]; /* a generator each: setting one effect leaves the others as they
				      were */
	uint32_t epoch;		   /* counts cuts: older frames were on the line and are lost */
	bool is_cut, in_burst;
};

struct link_out {
	uint32_t slot;
	uint32_t len_bytes;
	uint32_t copies;     /* 0: lost, only give the slot back */
	int32_t corrupt_bit; /* bit to flip, counted from the first bit behind byte 14; -1: none */
};

/* slots and heap have slot_count entries. 0 or -EINVAL. */
int link_init(struct link *link, const struct link_config *config, struct link_slot *slots,
	      uint32_t *heap, uint32_t slot_count);
/* Takes effect for frames that are not yet on the line. 0 or -EINVAL (nothing changed). */
int link_configure(struct link *link, const struct link_config *config);
/* A cut loses what is queued and on the line, and what comes until the link is joined again. */
void link_cut(struct link *link);
void link_join(struct link *link);

/* A frame has come at `now`, which may lie a little before what link_poll was told. LINK_PASS: the
 * slot is the link's. Else it was counted and stays the caller's. */
enum link_drop link_on_frame(struct link *link, uint32_t slot, uint32_t len_bytes, uint8_t dscp,
			     uint64_t now);
/* What is due by `now`, at most max. Returns how many; max of them: call again. */
uint32_t link_poll(struct link *link, uint64_t now, struct link_out *out, uint32_t max);
/* When to poll next, UINT64_MAX: only after the next frame. */
uint64_t link_deadline(const struct link *link);
uint32_t link_held(const struct link *link);
/* Bytes that each queue takes. */
uint64_t link_queue_limit(const struct link_config *config);

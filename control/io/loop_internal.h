/*
 * What the files of the loop share; nobody else includes it. loop.c turns the ring, loop_op.c
 * starts operations, loop_cancel.c takes them back. Everything belongs to the loop's thread.
 */
#pragma once

#include <liburing.h>

#include "control/io/loop.h"
#include "control/io/timer_heap.h"

enum op_kind {
	OP_ACCEPT,
	OP_WATCH,
	OP_RECV,
	OP_SEND,
	OP_CONNECT
};

/*
 * The kernel's view of one operation. It outlives the caller's struct loop_op until the last
 * completion has been seen, and its generation makes a completion of an earlier use recognisable.
 */
struct loop_slot {
	struct loop_op *op; /* NULL: cancelled or free */
	uint64_t token;	    /* generation << 32 | index + 1 */
	enum op_kind kind;
	bool in_kernel;
	int fd;
	uint32_t next_free;	      /* index + 1 */
	struct sockaddr_storage addr; /* connect: must stay until the kernel has read it */
};

struct saved_cqe {
	uint64_t token;
	int32_t result;
	uint32_t flags;
};

struct loop {
	struct io_uring ring;
	bool is_enabled;
	bool is_stopped;
	int error; /* a failure inside a function that cannot return one */
	struct timer_heap timers;
	struct loop_slot **slots;
	uint32_t slot_count, slot_capacity;
	uint32_t first_free;
	/* Completions met while a cancel waited for its own; handled first in the next turn. */
	struct saved_cqe *saved;
	uint32_t saved_first, saved_count, saved_capacity;
};

/* Binds a ring that was created disabled to the calling thread. 0 or -errno. */
int loop_ring_enable(struct loop *loop);
/* An entry of the submission queue, or NULL when the kernel takes none. */
struct io_uring_sqe *loop_ring_sqe(struct loop *loop);

struct loop_slot *loop_slot_find(const struct loop *loop, uint64_t token);
void loop_slot_release(struct loop *loop, struct loop_slot *slot);
/* Fills the entry of an accept or a watch. */
void loop_slot_prepare(struct loop_slot *slot, struct io_uring_sqe *sqe);
/* Returns when the kernel is done with the operation. */
void loop_slot_cancel(struct loop *loop, struct loop_slot *slot);
/* A completion that nobody waits for any more. */
void loop_orphan_done(struct loop *loop, struct loop_slot *slot, int result, uint32_t flags);

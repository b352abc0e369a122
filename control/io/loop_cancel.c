#include "control/io/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void loop_orphan_done(struct loop *loop, struct loop_slot *slot, int result, uint32_t flags)
{
	if (slot->kind == OP_ACCEPT && result >= 0)
		close(result);
	if (!(flags & IORING_CQE_F_MORE))
		loop_slot_release(loop, slot);
}

static void save_cqe(struct loop *loop, const struct io_uring_cqe *cqe)
{
	if (loop->saved_count == loop->saved_capacity) {
		uint32_t capacity = loop->saved_capacity ? loop->saved_capacity * 2 : 64;
		struct saved_cqe *saved = realloc(loop->saved, capacity * sizeof(*saved));

		if (!saved) {
			loop->error = -ENOMEM;
			return;
		}
		loop->saved = saved;
		loop->saved_capacity = capacity;
	}
	loop->saved[loop->saved_count++] = (struct saved_cqe){
		.token = cqe->user_data,
		.result = cqe->res,
		.flags = cqe->flags,
	};
}

/* Sorts the queued completions: those of cancelled operations are done with, the others kept. */
static void sort_cqes(struct loop *loop)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&loop->ring, &cqe)) {
		struct loop_slot *slot = loop_slot_find(loop, cqe->user_data);

		if (slot && !slot->op)
			loop_orphan_done(loop, slot, cqe->res, cqe->flags);
		else if (slot)
			save_cqe(loop, cqe);
		io_uring_cqe_seen(&loop->ring, cqe);
	}
}

static void forget_saved(struct loop *loop, struct loop_slot *slot)
{
	for (uint32_t i = loop->saved_first; i < loop->saved_count; i++) {
		struct saved_cqe *saved = &loop->saved[i];

		if (saved->token != slot->token)
			continue;
		saved->token = 0;
		if (slot->kind == OP_ACCEPT && saved->result >= 0)
			close(saved->result);
		if (!(saved->flags & IORING_CQE_F_MORE))
			slot->in_kernel = false;
	}
}

/* Cancels in the kernel and waits for the last completion: only then is the buffer the caller's. */
void loop_slot_cancel(struct loop *loop, struct loop_slot *slot)
{
	uint64_t token = slot->token;
	struct io_uring_sqe *sqe;

	slot->op = NULL;
	forget_saved(loop, slot);
	if (!slot->in_kernel) {
		loop_slot_release(loop, slot);
		return;
	}
	sort_cqes(loop);
	if (slot->token != token || !slot->in_kernel)
		return;
	sqe = loop_ring_sqe(loop);
	if (!sqe) {
		loop->error = -EAGAIN;
		return;
	}
	io_uring_prep_cancel64(sqe, token, 0);
	io_uring_sqe_set_data64(sqe, 0);
	while (slot->token == token && slot->in_kernel) {
		int ret = loop_ring_enable(loop);

		if (!ret)
			ret = io_uring_submit_and_wait(&loop->ring, 1);
		if (ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY) {
			loop->error = ret;
			return;
		}
		sort_cqes(loop);
	}
}

void loop_cancel(struct loop *loop, struct loop_op *op)
{
	struct loop_slot *slot = loop_slot_find(loop, op->token);

	op->token = 0;
	if (slot)
		loop_slot_cancel(loop, slot);
}

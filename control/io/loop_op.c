#include "control/io/loop_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct io_uring_sqe *loop_ring_sqe(struct loop *loop)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	if (sqe)
		return sqe;
	if (loop_ring_enable(loop) || io_uring_submit(&loop->ring) < 0)
		return NULL;
	return io_uring_get_sqe(&loop->ring);
}

static int slots_grow(struct loop *loop)
{
	uint32_t capacity = loop->slot_capacity ? loop->slot_capacity * 2 : 16;
	struct loop_slot **slots = realloc(loop->slots, capacity * sizeof(struct loop_slot *));

	if (!slots)
		return -ENOMEM;
	loop->slots = slots;
	loop->slot_capacity = capacity;
	return 0;
}

static struct loop_slot *slot_take(struct loop *loop)
{
	struct loop_slot *slot;

	if (loop->first_free) {
		slot = loop->slots[loop->first_free - 1];
		loop->first_free = slot->next_free;
		slot->token += 1ull << 32;
		return slot;
	}
	if (loop->slot_count == loop->slot_capacity && slots_grow(loop))
		return NULL;
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	loop->slots[loop->slot_count++] = slot;
	slot->token = (1ull << 32) | loop->slot_count;
	return slot;
}

void loop_slot_release(struct loop *loop, struct loop_slot *slot)
{
	if (slot->op)
		slot->op->token = 0;
	slot->op = NULL;
	slot->in_kernel = false;
	slot->next_free = loop->first_free;
	loop->first_free = (uint32_t)slot->token;
}

struct loop_slot *loop_slot_find(const struct loop *loop, uint64_t token)
{
	uint32_t index = (uint32_t)token;

	if (!index || index > loop->slot_count || loop->slots[index - 1]->token != token)
		return NULL;
	return loop->slots[index - 1];
}

/* Takes a slot for the operation and an entry of the submission queue. */
static int op_begin(struct loop *loop, struct loop_op *op, enum op_kind kind, int fd,
		    struct loop_slot **slot, struct io_uring_sqe **sqe)
{
	if (op->token)
		return -EBUSY;
	*slot = slot_take(loop);
	if (!*slot)
		return -ENOMEM;
	*sqe = loop_ring_sqe(loop);
	if (!*sqe) {
		loop_slot_release(loop, *slot);
		return -EAGAIN;
	}
	(*slot)->kind = kind;
	(*slot)->fd = fd;
	(*slot)->op = op;
	(*slot)->in_kernel = true;
	op->token = (*slot)->token;
	return 0;
}

void loop_slot_prepare(struct loop_slot *slot, struct io_uring_sqe *sqe)
{
	/*
	 * A multishot poll is edge triggered: a watcher that leaves data behind would hang. One
	 * shot, armed again after the callback, is level triggered and rides on the next submit for
	 * free.
	 */
	if (slot->kind == OP_ACCEPT)
		io_uring_prep_multishot_accept(sqe, slot->fd, NULL, NULL, SOCK_CLOEXEC);
	else
		io_uring_prep_poll_add(sqe, slot->fd, POLLIN);
	io_uring_sqe_set_data64(sqe, slot->token);
}

static int start_repeating(struct loop *loop, struct loop_op *op, enum op_kind kind, int fd)
{
	struct io_uring_sqe *sqe;
	struct loop_slot *slot;
	int ret = op_begin(loop, op, kind, fd, &slot, &sqe);

	if (ret)
		return ret;
	loop_slot_prepare(slot, sqe);
	return 0;
}

int loop_accept(struct loop *loop, struct loop_op *op, int fd)
{
	return start_repeating(loop, op, OP_ACCEPT, fd);
}

int loop_watch_readable(struct loop *loop, struct loop_op *op, int fd)
{
	return start_repeating(loop, op, OP_WATCH, fd);
}

int loop_recv(struct loop *loop, struct loop_op *op, int fd, void *buffer, uint32_t size)
{
	struct io_uring_sqe *sqe;
	struct loop_slot *slot;
	int ret = op_begin(loop, op, OP_RECV, fd, &slot, &sqe);

	if (ret)
		return ret;
	io_uring_prep_recv(sqe, fd, buffer, size, 0);
	io_uring_sqe_set_data64(sqe, slot->token);
	return 0;
}

int loop_send(struct loop *loop, struct loop_op *op, int fd, const void *data, uint32_t size)
{
	struct io_uring_sqe *sqe;
	struct loop_slot *slot;
	int ret = op_begin(loop, op, OP_SEND, fd, &slot, &sqe);

	if (ret)
		return ret;
	io_uring_prep_send(sqe, fd, data, size, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, slot->token);
	return 0;
}

int loop_connect(struct loop *loop, struct loop_op *op, int fd, const struct sockaddr *addr,
		 socklen_t addr_len)
{
	struct io_uring_sqe *sqe;
	struct loop_slot *slot;
	int ret;

	if (addr_len > sizeof(slot->addr))
		return -EINVAL;
	ret = op_begin(loop, op, OP_CONNECT, fd, &slot, &sqe);
	if (ret)
		return ret;
	memcpy(&slot->addr, addr, addr_len);
	io_uring_prep_connect(sqe, fd, (struct sockaddr *)&slot->addr, addr_len);
	io_uring_sqe_set_data64(sqe, slot->token);
	return 0;
}

bool loop_op_is_pending(const struct loop_op *op)
{
	return op->token != 0;
}

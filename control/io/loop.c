#include "control/io/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING_ENTRIES  256
#define TURN_CQES_MAX 256
#define NS_PER_S      1000000000ull
#define WAIT_FOREVER  UINT64_MAX

struct loop *loop_create(void)
{
	/* Disabled until the first submit, so that the ring binds to the thread that runs it. */
	static const unsigned int flag_sets[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED,
		0,
	};
	struct loop *loop = calloc(1, sizeof(*loop));
	int ret = -EINVAL;

	if (!loop)
		return NULL;
	for (unsigned int i = 0; i < 2 && ret; i++) {
		struct io_uring_params params = {.flags = flag_sets[i]};

		ret = io_uring_queue_init_params(RING_ENTRIES, &loop->ring, &params);
		loop->is_enabled = !(flag_sets[i] & IORING_SETUP_R_DISABLED);
	}
	if (ret) {
		free(loop);
		errno = -ret;
		return NULL;
	}
	io_uring_ring_dontfork(&loop->ring);
	return loop;
}

int loop_ring_enable(struct loop *loop)
{
	if (loop->is_enabled)
		return 0;
	/* liburing 2.3 declares io_uring_enable_rings but does not export it. */
	if (syscall(__NR_io_uring_register, loop->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
		    0) < 0)
		return -errno;
	loop->is_enabled = true;
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	/* Closing the ring would cancel too, but after its return: buffers could still be written.
	 */
	for (uint32_t i = 0; i < loop->slot_count; i++) {
		if (loop->slots[i]->op || loop->slots[i]->in_kernel)
			loop_slot_cancel(loop, loop->slots[i]);
	}
	io_uring_queue_exit(&loop->ring);
	for (uint32_t i = 0; i < loop->slot_count; i++)
		free(loop->slots[i]);
	free(loop->slots);
	free(loop->saved);
	timer_heap_free(&loop->timers);
	free(loop);
}

uint64_t loop_now_ns(const struct loop *loop)
{
	struct timespec ts;

	(void)loop;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns)
{
	int ret = timer_heap_set(&loop->timers, timer, deadline_ns);

	if (ret)
		loop->error = ret;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	timer_heap_remove(&loop->timers, timer);
}

/* The bound by the count at entry keeps a timer that sets itself to "now" from starving the
 * sockets. */
static void run_timers(struct loop *loop)
{
	uint64_t now_ns = loop_now_ns(loop);

	for (uint32_t left = loop->timers.count; left; left--) {
		struct loop_timer *timer = timer_heap_first(&loop->timers);

		if (!timer || timer->deadline_ns > now_ns)
			return;
		timer_heap_remove(&loop->timers, timer);
		timer->on_expire(timer, timer->arg);
	}
}

static void rearm(struct loop *loop, struct loop_slot *slot)
{
	struct io_uring_sqe *sqe = loop_ring_sqe(loop);

	if (!sqe) {
		loop->error = -EAGAIN;
		return;
	}
	loop_slot_prepare(slot, sqe);
	slot->in_kernel = true;
}

static void dispatch(struct loop *loop, uint64_t token, int result, uint32_t flags)
{
	struct loop_slot *slot = loop_slot_find(loop, token);
	struct loop_op *op;
	bool repeats;

	if (!slot)
		return;
	if (!slot->op) {
		loop_orphan_done(loop, slot, result, flags);
		return;
	}
	op = slot->op;
	slot->in_kernel = flags & IORING_CQE_F_MORE;
	repeats = result >= 0 && (slot->kind == OP_ACCEPT || slot->kind == OP_WATCH);
	if (!slot->in_kernel && !repeats)
		loop_slot_release(loop, slot);
	op->on_done(op, result, op->arg);
	/* The callback may have cancelled it, and the slot may even serve another operation now. */
	if (repeats && slot->token == token && slot->op && !slot->in_kernel)
		rearm(loop, slot);
}

static uint64_t wait_ns(const struct loop *loop, uint64_t max_wait_ns)
{
	const struct loop_timer *timer = timer_heap_first(&loop->timers);
	uint64_t now_ns;

	if (loop->saved_first < loop->saved_count || loop->is_stopped)
		return 0;
	if (!timer)
		return max_wait_ns;
	now_ns = loop_now_ns(loop);
	if (timer->deadline_ns <= now_ns)
		return 0;
	if (timer->deadline_ns - now_ns < max_wait_ns)
		return timer->deadline_ns - now_ns;
	return max_wait_ns;
}

static int wait_cqe(struct loop *loop, uint64_t max_wait_ns)
{
	uint64_t ns = wait_ns(loop, max_wait_ns);
	struct __kernel_timespec ts = {
		.tv_sec = (long long)(ns / NS_PER_S),
		.tv_nsec = (long long)(ns % NS_PER_S),
	};
	struct io_uring_cqe *cqe;
	int ret = loop_ring_enable(loop);

	if (ret)
		return ret;
	ret = io_uring_submit_and_wait_timeout(&loop->ring, &cqe, 1,
					       ns == WAIT_FOREVER ? NULL : &ts, NULL);
	if (ret == -ETIME || ret == -EINTR || ret == -EAGAIN || ret == -EBUSY)
		return 0;
	return ret < 0 ? ret : 0;
}

static void dispatch_saved(struct loop *loop)
{
	/* Callbacks may cancel and so add to the end: those are handled in this pass too. */
	while (loop->saved_first < loop->saved_count) {
		struct saved_cqe saved = loop->saved[loop->saved_first++];

		dispatch(loop, saved.token, saved.result, saved.flags);
	}
	loop->saved_first = loop->saved_count = 0;
}

static void dispatch_ring(struct loop *loop)
{
	struct io_uring_cqe *cqe;

	for (int left = TURN_CQES_MAX; left && !io_uring_peek_cqe(&loop->ring, &cqe); left--) {
		uint64_t token = cqe->user_data;
		int32_t result = cqe->res;
		uint32_t flags = cqe->flags;

		io_uring_cqe_seen(&loop->ring, cqe);
		dispatch(loop, token, result, flags);
		/* What a cancel in the callback set aside is older than what the ring holds now. */
		dispatch_saved(loop);
	}
}

int loop_turn(struct loop *loop, uint64_t max_wait_ns)
{
	int ret = wait_cqe(loop, max_wait_ns);

	if (ret)
		return ret;
	dispatch_saved(loop);
	dispatch_ring(loop);
	run_timers(loop);
	ret = loop->error;
	loop->error = 0;
	return ret;
}

int loop_run(struct loop *loop)
{
	int ret = 0;

	while (!loop->is_stopped && !ret)
		ret = loop_turn(loop, WAIT_FOREVER);
	loop->is_stopped = false;
	return ret;
}

void loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}

/*
 * An io_uring event loop: timers, watches on file descriptors and socket operations for one thread.
 *
 * Used by causeway-control, by the gateway's agent thread and by causewayctl. Every object given to
 * the loop (timer, watch, operation) is owned by its caller and must outlive its use; callbacks run
 * on the thread that calls loop_run or loop_turn. A callback may start, cancel or free anything but
 * the loop itself; after x_cancel returns, no callback of x runs any more and the kernel does not
 * touch its buffer. Sockets must be blocking ones: io_uring answers -EAGAIN or -EINPROGRESS on
 * O_NONBLOCK. The loop belongs to the thread that first turns it or cancels in it (not the one that
 * creates it). Time is CLOCK_MONOTONIC in nanoseconds. Where memory runs out the next turn returns
 * -ENOMEM.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct loop;

/* NULL with errno set, e.g. ENOSYS or EPERM where io_uring is not available. */
struct loop *loop_create(void);
void loop_destroy(struct loop *loop);

uint64_t loop_now_ns(const struct loop *loop);
/* Runs until loop_stop, or returns at once if it was called before. 0 or -errno. */
int loop_run(struct loop *loop);
/* One turn: waits at most max_wait_ns (0: not at all) for an event. 0 or -errno. */
int loop_turn(struct loop *loop, uint64_t max_wait_ns);
void loop_stop(struct loop *loop);

/* One-shot timers; setting one again moves it. Zero the struct before first use. */
struct loop_timer {
	void (*on_expire)(struct loop_timer *timer, void *arg);
	void *arg;
	uint64_t deadline_ns;
	uint32_t heap_index; /* the loop's; 0: not set */
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* One socket operation or watch at a time for each struct. Zero the struct before first use. */
struct loop_op {
	/* result: bytes, accepted fd, poll events, or -errno. */
	void (*on_done)(struct loop_op *op, int result, void *arg);
	void *arg;
	uint64_t token; /* the loop's; 0: idle */
};
bool loop_op_is_pending(const struct loop_op *op);
void loop_cancel(struct loop *loop, struct loop_op *op);

/*
 * Repeats until cancelled or failed (result < 0): on_done for each connection (a blocking socket
 * with CLOEXEC), or as long as fd is readable (level triggered).
 */
int loop_accept(struct loop *loop, struct loop_op *op, int fd);
int loop_watch_readable(struct loop *loop, struct loop_op *op, int fd);
/* Once. The buffer must stay until on_done or until loop_cancel has returned. */
int loop_recv(struct loop *loop, struct loop_op *op, int fd, void *buffer, uint32_t size);
int loop_send(struct loop *loop, struct loop_op *op, int fd, const void *data, uint32_t size);
int loop_connect(struct loop *loop, struct loop_op *op, int fd, const struct sockaddr *addr,
		 socklen_t addr_len);

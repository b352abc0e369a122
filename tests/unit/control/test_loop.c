#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/io/loop.h"

#define MS	     1000000ull
#define LONG_WAIT_NS (2000 * MS)

struct record {
	struct loop *loop;
	struct loop_op *victim; /* cancelled by the first callback */
	struct loop_timer *timer;
	int calls;
	int last;
	int order;
	int *clock;
};

static void note(struct loop_op *op, int result, void *arg)
{
	struct record *rec = arg;

	(void)op;
	rec->calls++;
	rec->last = result;
	if (rec->victim)
		loop_cancel(rec->loop, rec->victim);
}

static void note_timer(struct loop_timer *timer, void *arg)
{
	struct record *rec = arg;

	(void)timer;
	rec->calls++;
	if (rec->clock)
		rec->order = ++*rec->clock;
}

static int setup(void **state)
{
	*state = loop_create();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	loop_destroy(*state);
	return 0;
}

static void turn_until(struct loop *loop, const int *counter, int wanted)
{
	uint64_t deadline_ns = loop_now_ns(loop) + LONG_WAIT_NS;

	while (*counter < wanted && loop_now_ns(loop) < deadline_ns)
		assert_int_equal(loop_turn(loop, 50 * MS), 0);
	assert_int_equal(*counter, wanted);
}

static void turn_some(struct loop *loop)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(loop, 2 * MS), 0);
}

static void timer_set__earliest_first(void **state)
{
	struct loop *loop = *state;
	enum {
		COUNT = 40
	};
	struct loop_timer timers[COUNT] = {0};
	struct record recs[COUNT] = {0};
	uint64_t now_ns = loop_now_ns(loop);
	int clock = 0;

	for (int i = 0; i < COUNT; i++) {
		recs[i].clock = &clock;
		timers[i].on_expire = note_timer;
		timers[i].arg = &recs[i];
		loop_timer_set(loop, &timers[i], now_ns + (uint64_t)((i * 17) % COUNT) * 1000);
	}
	loop_timer_cancel(loop, &timers[3]);
	loop_timer_cancel(loop, &timers[3]);
	turn_until(loop, &clock, COUNT - 1);
	assert_int_equal(recs[3].calls, 0);
	for (int i = 0; i < COUNT; i++) {
		for (int j = 0; j < COUNT; j++) {
			if (i != 3 && j != 3 && (i * 17) % COUNT < (j * 17) % COUNT)
				assert_true(recs[i].order < recs[j].order);
		}
	}
}

static void timer_set__again_moves(void **state)
{
	struct loop *loop = *state;
	struct record rec = {0};
	struct loop_timer timer = {.on_expire = note_timer, .arg = &rec};

	loop_timer_set(loop, &timer, loop_now_ns(loop));
	loop_timer_set(loop, &timer, loop_now_ns(loop) + 3600 * 1000 * MS);
	turn_some(loop);
	assert_int_equal(rec.calls, 0);
	loop_timer_set(loop, &timer, loop_now_ns(loop));
	turn_until(loop, &rec.calls, 1);
	assert_int_equal(timer.heap_index, 0);
}

static void send_recv__bytes_arrive(void **state)
{
	struct loop *loop = *state;
	struct record in = {0}, out = {0};
	struct loop_op recv_op = {.on_done = note, .arg = &in};
	struct loop_op send_op = {.on_done = note, .arg = &out};
	char buffer[16] = "";
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(loop_recv(loop, &recv_op, fds[0], buffer, sizeof(buffer)), 0);
	assert_int_equal(loop_recv(loop, &recv_op, fds[0], buffer, sizeof(buffer)), -EBUSY);
	assert_int_equal(loop_send(loop, &send_op, fds[1], "hello", 5), 0);
	turn_until(loop, &in.calls, 1);
	turn_until(loop, &out.calls, 1);
	assert_int_equal(in.last, 5);
	assert_int_equal(out.last, 5);
	assert_memory_equal(buffer, "hello", 5);
	assert_false(loop_op_is_pending(&recv_op));

	close(fds[1]);
	assert_int_equal(loop_recv(loop, &recv_op, fds[0], buffer, sizeof(buffer)), 0);
	turn_until(loop, &in.calls, 2);
	assert_int_equal(in.last, 0);
	close(fds[0]);
}

static void cancel__idle_is_harmless(void **state)
{
	struct loop_op op = {.on_done = note};

	loop_cancel(*state, &op);
	assert_false(loop_op_is_pending(&op));
}

static void cancel__recv_leaves_buffer_alone(void **state)
{
	struct loop *loop = *state;
	struct record rec = {0};
	struct loop_op op = {.on_done = note, .arg = &rec};
	char buffer[8] = "before";
	char rest[8] = "";
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(loop_recv(loop, &op, fds[0], buffer, sizeof(buffer)), 0);
	turn_some(loop);
	loop_cancel(loop, &op);
	assert_int_equal(write(fds[1], "after", 5), 5);
	turn_some(loop);
	assert_string_equal(buffer, "before");
	assert_int_equal(rec.calls, 0);
	assert_int_equal(recv(fds[0], rest, sizeof(rest), MSG_DONTWAIT), 5);
	close(fds[0]);
	close(fds[1]);
}

/* Both completions are queued when the first callback cancels the other operation. */
static void cancel__queued_completion_is_dropped(void **state)
{
	struct loop *loop = *state;
	struct record recs[2] = {0};
	struct loop_op ops[2] = {0};
	char buffers[2][8];
	int fds[2][2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
		recs[i] = (struct record){.loop = loop, .victim = &ops[!i]};
		ops[i].on_done = note;
		ops[i].arg = &recs[i];
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		assert_int_equal(loop_recv(loop, &ops[i], fds[i][0], buffers[i], 8), 0);
	}
	turn_some(loop);
	assert_int_equal(recs[0].calls + recs[1].calls, 1);
	for (int i = 0; i < 4; i++)
		close(fds[i / 2][i % 2]);
}

/* A cancel that waits in the kernel meets another's completion: that one must still be delivered.
 */
static void cancel__keeps_completions_of_others(void **state)
{
	struct loop *loop = *state;
	struct record idle = {0}, busy = {0};
	struct loop_op idle_op = {.on_done = note, .arg = &idle};
	struct loop_op busy_op = {.on_done = note, .arg = &busy};
	char a[8], b[8];
	int fds[2][2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
	assert_int_equal(loop_recv(loop, &idle_op, fds[0][0], a, sizeof(a)), 0);
	assert_int_equal(loop_recv(loop, &busy_op, fds[1][0], b, sizeof(b)), 0);
	turn_some(loop);
	assert_int_equal(write(fds[1][1], "xy", 2), 2);
	loop_cancel(loop, &idle_op);
	turn_until(loop, &busy.calls, 1);
	assert_int_equal(busy.last, 2);
	assert_int_equal(idle.calls, 0);
	for (int i = 0; i < 4; i++)
		close(fds[i / 2][i % 2]);
}

static void watch__level_triggered(void **state)
{
	struct loop *loop = *state;
	struct record rec = {0};
	struct loop_op op = {.on_done = note, .arg = &rec};
	int fds[2], calls;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_watch_readable(loop, &op, fds[0]), 0);
	turn_some(loop);
	assert_int_equal(rec.calls, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn_until(loop, &rec.calls, 3); /* nobody reads: it must keep telling */
	rec.victim = &op;
	rec.loop = loop;
	calls = rec.calls;
	turn_some(loop);
	assert_int_equal(rec.calls, calls + 1);
	assert_false(loop_op_is_pending(&op));
	close(fds[0]);
	close(fds[1]);
}

static int listen_loopback(struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	*addr = (struct sockaddr_in){.sin_family = AF_INET};
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &len), 0);
	return fd;
}

static void note_accept(struct loop_op *op, int result, void *arg)
{
	assert_true(result >= 0);
	close(result);
	note(op, result, arg);
}

static void accept__many_connections(void **state)
{
	struct loop *loop = *state;
	struct record in = {0}, out = {0};
	struct loop_op accept_op = {.on_done = note_accept, .arg = &in};
	struct sockaddr_in addr;
	int server = listen_loopback(&addr);

	assert_int_equal(loop_accept(loop, &accept_op, server), 0);
	for (int i = 0; i < 5; i++) {
		struct loop_op op = {.on_done = note, .arg = &out};
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		assert_int_equal(
			loop_connect(loop, &op, fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		turn_until(loop, &out.calls, i + 1);
		assert_int_equal(out.last, 0);
		turn_until(loop, &in.calls, i + 1);
		close(fd);
	}
	loop_cancel(loop, &accept_op);
	close(server);
	/* The port must be free at once: nothing of the accept is left in the kernel. */
	server = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	assert_int_equal(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(server);
}

static void connect__refused(void **state)
{
	struct loop *loop = *state;
	struct record rec = {0};
	struct loop_op op = {.on_done = note, .arg = &rec};
	struct sockaddr_in addr;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	close(listen_loopback(&addr));
	assert_int_equal(loop_connect(loop, &op, fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	turn_until(loop, &rec.calls, 1);
	assert_int_equal(rec.last, -ECONNREFUSED);
	close(fd);
}

static void *run_elsewhere(void *arg)
{
	return (void *)(intptr_t)loop_run(arg);
}

static void stop_loop(struct loop_timer *timer, void *arg)
{
	(void)timer;
	loop_stop(arg);
}

static void run__on_another_thread(void **state)
{
	struct loop *loop = *state;
	struct loop_timer timer = {.on_expire = stop_loop, .arg = loop};
	pthread_t thread;
	void *result;

	loop_timer_set(loop, &timer, loop_now_ns(loop) + 5 * MS);
	assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, loop), 0);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 0);
}

static void destroy__with_pending_operations(void **state)
{
	struct loop *loop = loop_create();
	struct loop_op op = {.on_done = note};
	struct loop_op unsubmitted = {.on_done = note};
	char buffer[8];
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(loop_recv(loop, &op, fds[0], buffer, sizeof(buffer)), 0);
	turn_some(loop);
	assert_int_equal(loop_watch_readable(loop, &unsubmitted, fds[1]), 0);
	loop_destroy(loop);
	close(fds[0]);
	close(fds[1]);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timer_set__earliest_first),
		LOOP_TEST(timer_set__again_moves),
		LOOP_TEST(send_recv__bytes_arrive),
		LOOP_TEST(cancel__idle_is_harmless),
		LOOP_TEST(cancel__recv_leaves_buffer_alone),
		LOOP_TEST(cancel__queued_completion_is_dropped),
		LOOP_TEST(cancel__keeps_completions_of_others),
		LOOP_TEST(watch__level_triggered),
		LOOP_TEST(accept__many_connections),
		LOOP_TEST(connect__refused),
		LOOP_TEST(run__on_another_thread),
		cmocka_unit_test(destroy__with_pending_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

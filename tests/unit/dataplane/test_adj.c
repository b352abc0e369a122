#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/core/adj.h"

#define SLOTS  64
#define SECOND 1000000000ull

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

static struct ip_addr host(uint32_t n)
{
	uint8_t v4[4] = {10, 102, (uint8_t)(n >> 8), (uint8_t)n};

	return ip_addr_from_v4(v4);
}

static void table_init(struct adj_table *t, struct adj_entry *slots)
{
	assert_int_equal(adj_init(t, slots, SLOTS), 0);
}

static void adj_init__refuses(void **state)
{
	struct adj_entry slots[16];
	struct adj_table t;

	(void)state;
	assert_int_equal(adj_init(&t, slots, 0), -EINVAL);
	assert_int_equal(adj_init(&t, slots, 4), -EINVAL);
	assert_int_equal(adj_init(&t, slots, 12), -EINVAL);
	assert_int_equal(adj_init(&t, slots, 16), 0);
}

/* Addresses as sites have them: no slot of 1,024 attracts more than a handful of 1,024. */
static void adj_hash__spreads(void **state)
{
	static const struct {
		const char *what, *base;
		uint32_t at, step; /* where the number is added, and how far apart they are */
	} cases[] = {
		{"hosts", "10.102.0.0", 14, 1},
		{"every 16th host", "10.102.0.0", 14, 16},
		{"one host per /24", "10.0.0.1", 13, 1},
		{"IPv6 hosts", "fd02::", 14, 1},
		{"IPv6 host identifiers", "fd02::", 12, 1},
		{"one host per /64", "fd02::1", 6, 1},
		{"link-local of one vendor", "fe80::5054:ff:fe00:0", 14, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t load[1024] = {0};

		for (uint32_t n = 0; n < 1024; n++) {
			struct ip_addr ip;
			uint32_t at;

			assert_int_equal(ip_addr_parse(cases[i].base, &ip), 0);
			ip.bytes[cases[i].at] = (uint8_t)(n * cases[i].step >> 8);
			ip.bytes[cases[i].at + 1] = (uint8_t)(n * cases[i].step);
			at = adj_hash(&ip) & 1023;
			if (++load[at] > 10)
				fail_msg("%s", cases[i].what);
		}
	}
}

static void adj_set_ready__releases_in_order(void **state)
{
	struct adj_entry slots[SLOTS], *entry;
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct ip_addr ip = host(1);
	struct adj_table t;

	(void)state;
	table_init(&t, slots);
	assert_null(adj_find(&t, &ip));
	entry = adj_insert_pending(&t, &ip, 0);
	assert_non_null(entry);
	assert_int_equal(entry->state, ADJ_PENDING);
	for (uint32_t i = 0; i < ADJ_WAIT_MAX; i++)
		assert_true(adj_wait(&t, entry, 100 + i, i));
	assert_false(adj_wait(&t, entry, 200, 0));
	assert_int_equal(t.waiting, ADJ_WAIT_MAX);
	assert_int_equal(adj_set_ready(&t, &ip, 3, mac, out), ADJ_WAIT_MAX);
	for (uint32_t i = 0; i < ADJ_WAIT_MAX; i++) {
		assert_true(out[i].cookie == 100 + i);
		assert_int_equal(out[i].ctx, i);
	}
	entry = adj_find(&t, &ip);
	assert_int_equal(entry->state, ADJ_READY);
	assert_int_equal(entry->port, 3);
	assert_memory_equal(entry->mac, mac, 6);
	assert_int_equal(t.waiting, 0);
	assert_int_equal(t.timed, 0);
	assert_false(adj_wait(&t, entry, 1, 1)); /* READY: nothing waits */
}

static void adj_wait__bounded_over_the_table(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_table t;
	uint32_t waiting = 0;

	(void)state;
	table_init(&t, slots);
	for (uint32_t n = 0; n < 48; n++) {
		struct ip_addr ip = host(n);
		struct adj_entry *entry = adj_insert_pending(&t, &ip, 0);

		assert_non_null(entry);
		for (uint32_t i = 0; i < ADJ_WAIT_MAX; i++)
			waiting += adj_wait(&t, entry, n, i);
	}
	assert_int_equal(waiting, ADJ_WAIT_TOTAL);
}

static void adj_insert_pending__full(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct ip_addr ip = host(48);
	struct adj_table t;

	(void)state;
	table_init(&t, slots);
	for (uint32_t n = 0; n < 48; n++) {
		struct ip_addr each = host(n);

		assert_non_null(adj_insert_pending(&t, &each, 0));
	}
	assert_null(adj_insert_pending(&t, &ip, 0));
	assert_int_equal(adj_set_ready(&t, &ip, 0, mac, out), 0);
	assert_null(adj_find(&t, &ip));
	ip = host(0);
	assert_int_equal(adj_remove(&t, &ip, out), 0);
	ip = host(48);
	assert_non_null(adj_insert_pending(&t, &ip, 0));
}

static void adj_set_ready__inserts(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct ip_addr ip = host(1);
	struct adj_table t;

	(void)state;
	table_init(&t, slots);
	assert_int_equal(adj_set_ready(&t, &ip, 1, mac, out), 0);
	assert_int_equal(adj_find(&t, &ip)->state, ADJ_READY);
	/* PENDING cannot follow READY. */
	assert_int_equal(adj_insert_pending(&t, &ip, 0)->state, ADJ_READY);
	assert_int_equal(t.used, 1);
}

static void adj_set_unreachable__reason_is_of_this_time(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct ip_addr ip = host(1);
	struct adj_table t;

	(void)state;
	memset(slots, 0xff, sizeof(slots));
	table_init(&t, slots);
	adj_insert_pending(&t, &ip, 0);
	assert_int_equal(adj_find(&t, &ip)->reason, 0);
	adj_set_unreachable(&t, &ip, 0, out);
	assert_int_equal(adj_find(&t, &ip)->reason, 0);
	adj_find(&t, &ip)->reason = 9;
	adj_set_ready(&t, &ip, 1, mac, out);
	adj_set_unreachable(&t, &ip, 0, out);
	assert_int_equal(adj_find(&t, &ip)->reason, 0);
}

static void adj_set_unreachable__expires(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct adj_event event;
	struct ip_addr ip = host(1);
	struct adj_table t;
	uint64_t now = 5 * SECOND;

	(void)state;
	table_init(&t, slots);
	assert_true(adj_wait(&t, adj_insert_pending(&t, &ip, now), 77, 7));
	assert_int_equal(adj_set_unreachable(&t, &ip, now, out), 1);
	assert_true(out[0].cookie == 77);
	assert_int_equal(adj_find(&t, &ip)->state, ADJ_UNREACHABLE);
	assert_int_equal(adj_poll(&t, now + ADJ_UNREACHABLE_NS - 1, &event, 1), 0);
	assert_non_null(adj_find(&t, &ip));
	assert_int_equal(adj_poll(&t, now + ADJ_UNREACHABLE_NS + ADJ_SWEEP_NS, &event, 1), 0);
	assert_null(adj_find(&t, &ip));
	assert_int_equal(t.used, 0);
	assert_int_equal(t.timed, 0);
}

/* Asked again each second, given up after three, forgotten one later. */
static void adj_poll__life_of_a_pending_entry(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_event event;
	struct ip_addr ip = host(1);
	struct adj_table t;
	uint64_t asks = 0, gave_up = 0, now;

	(void)state;
	table_init(&t, slots);
	assert_true(adj_wait(&t, adj_insert_pending(&t, &ip, 0), 5, 6));
	for (now = 0; now < 10 * SECOND && adj_find(&t, &ip); now += SECOND / 100) {
		if (!adj_poll(&t, now, &event, 1))
			continue;
		assert_true(ip_addr_equal(&event.ip, &ip));
		if (event.kind == ADJ_ASK) {
			asks++;
			assert_int_equal(event.waiting, 0);
			continue;
		}
		gave_up++;
		assert_int_equal(event.waiting, 1);
		assert_true(event.waiters[0].cookie == 5 && event.waiters[0].ctx == 6);
		assert_true(now >= ADJ_PENDING_NS);
	}
	assert_int_equal(asks, 2);
	assert_int_equal(gave_up, 1);
	assert_true(now >= ADJ_PENDING_NS + ADJ_UNREACHABLE_NS && now < 5 * SECOND);
}

static void adj_poll__more_events_than_room(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_event events[3];
	struct adj_table t;
	uint32_t total = 0;

	(void)state;
	table_init(&t, slots);
	for (uint32_t n = 0; n < 40; n++) {
		struct ip_addr ip = host(n);

		adj_insert_pending(&t, &ip, 0);
	}
	/* The same instant: nothing is reported twice, nothing is left out. */
	for (uint32_t i = 0; i < 100; i++)
		total += adj_poll(&t, ADJ_ASK_NS, events, 3);
	assert_int_equal(total, 40);
}

static void adj_drain__returns_everything(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct adj_table t;
	uint32_t waiting, entries = 0, packets = 0;

	(void)state;
	table_init(&t, slots);
	for (uint32_t n = 0; n < 48; n++) {
		struct ip_addr ip = host(n);

		adj_wait(&t, adj_insert_pending(&t, &ip, 0), n, n);
	}
	while (adj_drain(&t, &waiting, out)) {
		entries++;
		packets += waiting;
	}
	assert_int_equal(entries, 48);
	assert_int_equal(packets, 48);
	assert_int_equal(t.used + t.timed + t.waiting, 0);
}

/* Random calls on a small key space, against one array entry per key. */
/* Only what is asked for is taken, the rest keeps its order, and no address is forgotten. */
static void adj_withdraw__of_one_ctx(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[5];
	struct adj_entry *entry;
	struct adj_table t;
	struct ip_addr ip;
	uint32_t taken = 0, n;

	(void)state;
	table_init(&t, slots);
	for (uint32_t i = 0; i < 4; i++) {
		ip = host(i);
		entry = adj_insert_pending(&t, &ip, 0);
		for (uint32_t k = 0; k < ADJ_WAIT_MAX; k++)
			assert_true(adj_wait(&t, entry, 100 * i + k, k % 2));
	}
	while ((n = adj_withdraw(&t, 1, out, 5)) > 0) {
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(out[i].ctx, 1);
		taken += n;
	}
	assert_int_equal(taken, 4 * ADJ_WAIT_MAX / 2);
	assert_int_equal(t.waiting, 4 * ADJ_WAIT_MAX / 2);
	assert_int_equal(t.used, 4);
	for (uint32_t i = 0; i < 4; i++) {
		ip = host(i);
		entry = adj_find(&t, &ip);
		assert_int_equal(entry->waiting, ADJ_WAIT_MAX / 2);
		for (uint32_t k = 0; k < ADJ_WAIT_MAX / 2; k++)
			assert_int_equal(entry->waiters[k].cookie, 100 * i + 2 * k);
	}
	assert_int_equal(adj_withdraw(&t, 7, out, 5), 0);
}

struct model {
	uint8_t state[256];
	uint32_t waiting[256];
	uint32_t used;
};

static void model_check(const struct adj_table *t, const struct model *m)
{
	uint32_t waiting = 0, timed = 0;

	for (uint32_t n = 0; n < 256; n++) {
		struct ip_addr ip = host(n * 257);
		const struct adj_entry *entry = adj_find(t, &ip);

		assert_int_equal(entry ? entry->state : ADJ_FREE, m->state[n]);
		if (entry) {
			assert_int_equal(entry->waiting, m->waiting[n]);
			assert_true(ip_addr_equal(&entry->ip, &ip));
		}
		waiting += m->waiting[n];
		timed += m->state[n] == ADJ_PENDING || m->state[n] == ADJ_UNREACHABLE;
	}
	assert_int_equal(t->waiting, waiting);
	assert_int_equal(t->timed, timed);
	assert_int_equal(t->used, m->used);
}

static void model_move(struct model *m, uint32_t n, uint8_t state)
{
	bool fits = m->state[n] != ADJ_FREE || m->used < SLOTS / 4 * 3;

	if (!fits)
		return;
	m->used += (state != ADJ_FREE) - (m->state[n] != ADJ_FREE);
	m->state[n] = state;
	m->waiting[n] = state == ADJ_PENDING ? m->waiting[n] : 0;
}

static void adj__against_a_naive_model(void **state)
{
	struct adj_entry slots[SLOTS];
	struct adj_waiter out[ADJ_WAIT_MAX];
	struct model m = {{0}};
	struct adj_table t;
	uint64_t random = 2026;

	(void)state;
	table_init(&t, slots);
	for (uint32_t step = 0; step < 30000; step++) {
		uint32_t n, before;
		struct ip_addr ip;
		struct adj_entry *entry;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		n = random >> 56;
		ip = host(n * 257);
		before = m.waiting[n];
		switch (random >> 40 & 7) {
		case 0:
		case 1:
			adj_insert_pending(&t, &ip, step);
			if (m.state[n] == ADJ_FREE)
				model_move(&m, n, ADJ_PENDING);
			break;
		case 2:
		case 3:
			entry = adj_find(&t, &ip);
			if (entry && adj_wait(&t, entry, step, n))
				m.waiting[n]++;
			break;
		case 4:
			assert_int_equal(adj_set_ready(&t, &ip, 1, mac, out), before);
			model_move(&m, n, ADJ_READY);
			break;
		case 5:
			assert_int_equal(adj_set_unreachable(&t, &ip, step, out), before);
			model_move(&m, n, ADJ_UNREACHABLE);
			break;
		default:
			assert_int_equal(adj_remove(&t, &ip, out), before);
			if (m.state[n] != ADJ_FREE)
				model_move(&m, n, ADJ_FREE);
		}
		model_check(&t, &m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adj_init__refuses),
		cmocka_unit_test(adj_hash__spreads),
		cmocka_unit_test(adj_set_ready__releases_in_order),
		cmocka_unit_test(adj_wait__bounded_over_the_table),
		cmocka_unit_test(adj_insert_pending__full),
		cmocka_unit_test(adj_set_ready__inserts),
		cmocka_unit_test(adj_set_unreachable__reason_is_of_this_time),
		cmocka_unit_test(adj_set_unreachable__expires),
		cmocka_unit_test(adj_poll__life_of_a_pending_entry),
		cmocka_unit_test(adj_poll__more_events_than_room),
		cmocka_unit_test(adj_drain__returns_everything),
		cmocka_unit_test(adj_withdraw__of_one_ctx),
		cmocka_unit_test(adj__against_a_naive_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

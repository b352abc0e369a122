/*
 * netlink and resolver against the real kernel: two network namespaces of the test's own, joined by
 * a veth pair, so that ARP and ND really run. Needs root; the namespaces end with the processes.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/agent/resolver.h"

#define SKIP	  77
#define PORT	  5 /* the caller's number of the veth */
#define WAIT_NS	  15000000000ull
#define CAPACITY  8
#define PEER_MAC  "02:00:00:00:00:02"
#define OTHER_MAC "02:00:00:00:00:03"

static pid_t peer;
static struct loop *loop;
static struct netlink *netlink;
static struct resolver *resolver;

/* What was called back, last per destination. */
static struct resolver_result results[32];
static uint32_t result_count, callbacks, resyncs, link_events;

static int __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

#define MUST(...)                                                 \
	do {                                                      \
		if (run(__VA_ARGS__))                             \
			fail_msg("command failed: " __VA_ARGS__); \
	} while (0)

/* In the second namespace. */
#define PEER(command) MUST("nsenter --net=/proc/%d/ns/net " command, (int)peer)

static struct ip_addr ip(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return addr;
}

static struct resolver_result *result_of(const char *text)
{
	struct ip_addr addr = ip(text);

	for (uint32_t i = 0; i < result_count; i++) {
		if (ip_addr_equal(&results[i].ip, &addr))
			return &results[i];
	}
	return NULL;
}

static void on_result(void *arg, const struct resolver_result *result)
{
	(void)arg;
	callbacks++;
	for (uint32_t i = 0; i < result_count; i++) {
		if (ip_addr_equal(&results[i].ip, &result->ip)) {
			results[i] = *result;
			return;
		}
	}
	results[result_count++] = *result;
}

static void on_resync(void *arg)
{
	(void)arg;
	resyncs++;
}

static void on_link(void *arg, const struct netlink_link *link)
{
	(void)arg;
	(void)link;
	link_events++;
}

static bool is_ready(const char *text, const char *mac)
{
	const struct resolver_result *result = result_of(text);
	char found[18];

	if (!result || result->state != RESOLVER_READY || result->port != PORT)
		return false;
	snprintf(found, sizeof(found), "%02x:%02x:%02x:%02x:%02x:%02x", result->mac[0],
		 result->mac[1], result->mac[2], result->mac[3], result->mac[4], result->mac[5]);
	return !strcmp(found, mac);
}

static bool is_unreachable(const char *text, enum drop reason)
{
	const struct resolver_result *result = result_of(text);

	return result && result->state == RESOLVER_UNREACHABLE && result->reason == reason;
}

/* Runs the loop until it holds; the limit is only there so that a failure ends. */
#define WAIT_FOR(condition)                                             \
	do {                                                            \
		uint64_t limit = loop_now_ns(loop) + WAIT_NS;           \
		while (!(condition)) {                                  \
			assert_int_equal(loop_turn(loop, 20000000), 0); \
			if (loop_now_ns(loop) > limit)                  \
				fail_msg("never held: " #condition);    \
		}                                                       \
	} while (0)

static void request(const char *text)
{
	struct ip_addr addr = ip(text);

	assert_int_equal(resolver_request(resolver, &addr), 0);
}

static void forget(const char *text)
{
	struct ip_addr addr = ip(text);

	resolver_forget(resolver, &addr);
}

static void peer_main(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) || write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int peer_start(void)
{
	int pipes[2];
	char byte;

	if (pipe(pipes))
		return -1;
	peer = fork();
	if (!peer)
		peer_main(pipes[1]);
	close(pipes[1]);
	if (peer < 0 || read(pipes[0], &byte, 1) != 1)
		return -1;
	close(pipes[0]);
	return 0;
}

static void sysctl_set(const char *name, const char *value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "w");
	if (!file)
		return; /* then the test only takes longer */
	fputs(value, file);
	fclose(file);
}

static int group_setup(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(peer_start(), 0);
	MUST("ip link set lo up");
	MUST("ip link add va type veth peer name vb netns %d", (int)peer);
	MUST("ip link add other type veth peer name other2");
	sysctl_set("ipv4/neigh/va/retrans_time_ms", "50");
	sysctl_set("ipv4/neigh/va/interval_probe_time_ms", "200");
	sysctl_set("ipv6/neigh/va/retrans_time_ms", "50");
	PEER("ip link set dev vb address " PEER_MAC " up");
	PEER("ip addr add 10.77.0.2/24 dev vb");
	PEER("ip addr add fd77::2/64 dev vb nodad");
	MUST("ip link set va up");
	MUST("ip addr add 10.77.0.1/24 dev va");
	MUST("ip addr add fd77::1/64 dev va nodad");
	MUST("ip link set other up && ip link set other2 up && ip addr add 10.88.0.1/24 dev other");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	kill(peer, SIGKILL);
	waitpid(peer, NULL, 0);
	return 0;
}

static struct netlink_listener listener = {.on_resync = on_resync, .on_link = on_link};

static int setup(void **state)
{
	struct netlink_link link;
	struct resolver_port port = {.port = PORT};
	const struct resolver_options options = {
		.ports = &port, .port_count = 1, .capacity = CAPACITY, .on_result = on_result};

	(void)state;
	/* What an earlier test left. */
	MUST("(ip route flush proto boot; ip -6 route flush proto boot; ip nexthop flush) >/dev/null 2>&1; true");
	MUST("ip neigh flush dev va nud permanent && ip neigh flush dev va");
	result_count = 0;
	callbacks = 0;
	loop = loop_create();
	assert_non_null(loop);
	netlink = netlink_create(loop);
	assert_non_null(netlink);
	netlink_add_listener(netlink, &listener);
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	port.ifindex = link.ifindex;
	resolver = resolver_create(loop, netlink, &options);
	assert_non_null(resolver);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	resolver_destroy(resolver);
	netlink_remove_listener(netlink, &listener);
	netlink_destroy(netlink);
	loop_destroy(loop);
	return 0;
}

static void netlink__link_facts(void **state)
{
	struct netlink_link link, again;

	(void)state;
	MUST("ip link set va mtu 1400");
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	assert_string_equal(link.name, "va");
	assert_int_equal(link.mtu, 1400);
	assert_true(link.up);
	assert_true(link.has_mac);
	assert_int_equal(netlink_link_by_index(netlink, link.ifindex, &again), 0);
	assert_memory_equal(&link, &again, sizeof(link));
	MUST("ip link set va mtu 1500");
	assert_int_equal(netlink_link_by_name(netlink, "nosuch", &link), -ENODEV);
	assert_int_equal(netlink_link_by_name(netlink, "", &link), -ENODEV);
	assert_int_equal(netlink_link_by_name(netlink, "longer-than-any-name", &link), -ENODEV);
	assert_int_equal(netlink_link_by_index(netlink, 0, &link), -ENODEV);
	assert_int_equal(netlink_link_by_index(netlink, 99999, &link), -ENODEV);
}

static void netlink__addresses(void **state)
{
	struct ip_addr list[8], v4 = ip("10.77.0.1"), v6 = ip("fd77::1");
	struct netlink_link link;
	bool has_v4 = false, has_v6 = false;
	int count;

	(void)state;
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	count = netlink_addresses(netlink, link.ifindex, list, 8);
	assert_int_equal(count, 3); /* and the link-local one */
	for (int i = 0; i < count; i++) {
		has_v4 |= ip_addr_equal(&list[i], &v4);
		has_v6 |= ip_addr_equal(&list[i], &v6);
	}
	assert_true(has_v4 && has_v6);
	assert_int_equal(netlink_addresses(netlink, link.ifindex, list, 1), 1);
}

static void netlink__routes(void **state)
{
	static const struct {
		const char *dst, *next_hop;
		int result;
	} cases[] = {
		{"10.77.0.2", "10.77.0.2", 0},	   {"10.9.1.1", "10.77.0.2", 0},
		{"fd77::2", "fd77::2", 0},	   {"fd99::1", "fd77::2", 0},
		{"10.10.0.1", "fd77::2", 0},	   {"10.77.0.1", NULL, -EADDRINUSE},
		{"fd77::1", NULL, -EADDRINUSE},	   {"10.77.0.255", NULL, -EADDRNOTAVAIL},
		{"10.12.0.1", NULL, -ENETUNREACH}, {"10.13.0.1", NULL, -ENETUNREACH},
		{"192.0.2.1", NULL, -ENETUNREACH}, {"2001:db8::1", NULL, -ENETUNREACH},
		{"fd98::1", NULL, -ENETUNREACH},   {"fd97::1", NULL, -ENETUNREACH},
	};
	struct netlink_link link;

	(void)state;
	MUST("ip route add 10.9.0.0/16 via 10.77.0.2");
	MUST("ip -6 route add fd99::/64 via fd77::2");
	MUST("ip route add 10.10.0.0/16 via inet6 fd77::2");
	MUST("ip route add unreachable 10.11.0.0/16");
	MUST("ip route add blackhole 10.12.0.0/16");
	MUST("ip route add prohibit 10.13.0.0/16");
	MUST("ip -6 route add unreachable fd98::/64");
	MUST("ip -6 route add blackhole fd97::/64");
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr dst = ip(cases[i].dst), next_hop;
		struct netlink_route route;
		int result = netlink_route_get(netlink, &dst, &route);

		if (result != cases[i].result)
			fail_msg("%s: %d, wanted %d", cases[i].dst, result, cases[i].result);
		if (result)
			continue;
		next_hop = ip(cases[i].next_hop);
		assert_true(ip_addr_equal(&route.next_hop, &next_hop));
		assert_int_equal(route.ifindex, link.ifindex);
	}
}

static void request__on_link(void **state)
{
	uint32_t before;

	(void)state;
	request("10.77.0.2");
	request("fd77::2");
	assert_int_equal(callbacks, 2); /* at once, whatever the answer */
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
	WAIT_FOR(is_ready("fd77::2", PEER_MAC));
	assert_true(netlink_can_manage(netlink) || result_count == 2);
	before = callbacks;
	request("10.77.0.2");
	assert_int_equal(callbacks, before + 1);
	assert_int_equal(resolver_count(resolver), 2);
}

static void request__no_way(void **state)
{
	(void)state;
	request("192.0.2.1");
	assert_true(is_unreachable("192.0.2.1", DROP_NO_ROUTE));
	request("10.77.0.255");
	assert_true(is_unreachable("10.77.0.255", DROP_NO_ROUTE));
	request("10.88.0.2"); /* routed, but not out of one of our ports */
	assert_true(is_unreachable("10.88.0.2", DROP_NO_ROUTE));
}

static void request__own_address(void **state)
{
	(void)state;
	request("10.77.0.1");
	assert_int_equal(result_of("10.77.0.1")->state, RESOLVER_LOCAL);
	request("fd77::1");
	assert_int_equal(result_of("fd77::1")->state, RESOLVER_LOCAL);
}

static void request__silent_then_there(void **state)
{
	(void)state;
	request("10.77.0.99");
	assert_int_equal(result_of("10.77.0.99")->state, RESOLVER_PENDING);
	WAIT_FOR(is_unreachable("10.77.0.99", DROP_NO_NEIGHBOUR));
	PEER("ip addr add 10.77.0.99/24 dev vb");
	WAIT_FOR(is_ready("10.77.0.99", PEER_MAC));
	PEER("ip addr del 10.77.0.99/24 dev vb");
}

static void neighbour__mac_changes(void **state)
{
	(void)state;
	request("10.77.0.2");
	request("fd77::2");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC) && is_ready("fd77::2", PEER_MAC));
	PEER("ip link set dev vb address 02:00:00:00:00:22");
	MUST("ip neigh flush dev va");
	WAIT_FOR(is_ready("10.77.0.2", "02:00:00:00:00:22"));
	WAIT_FOR(is_ready("fd77::2", "02:00:00:00:00:22"));
	PEER("ip link set dev vb address " PEER_MAC);
	MUST("ip neigh replace 10.77.0.2 dev va lladdr " PEER_MAC " nud reachable");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
	MUST("ip neigh flush dev va");
}

static void neighbour__static_entry_stays(void **state)
{
	struct netlink_neighbour neighbour;
	struct ip_addr addr = ip("10.77.0.3");
	struct netlink_link link;

	(void)state;
	MUST("ip neigh replace 10.77.0.3 dev va lladdr " OTHER_MAC " nud permanent");
	request("10.77.0.3");
	assert_true(is_ready("10.77.0.3", OTHER_MAC));
	forget("10.77.0.3");
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	assert_int_equal(netlink_neighbour_get(netlink, link.ifindex, &addr, &neighbour), 0);
	assert_int_equal(neighbour.state, 0x80); /* NUD_PERMANENT */
	MUST("ip neigh del 10.77.0.3 dev va");
	assert_int_equal(netlink_neighbour_get(netlink, link.ifindex, &addr, &neighbour), -ENOENT);
}

static void neighbour__release_keeps_the_entry(void **state)
{
	struct netlink_neighbour neighbour;
	struct ip_addr addr = ip("10.77.0.2");
	struct netlink_link link;

	(void)state;
	request("10.77.0.2");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
	forget("10.77.0.2");
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	assert_int_equal(netlink_neighbour_get(netlink, link.ifindex, &addr, &neighbour), 0);
	assert_true(netlink_neighbour_is_usable(&neighbour));
	assert_int_not_equal(run("ip -d neigh show dev va 10.77.0.2 | grep -q managed"), 0);
}

static void route__changes(void **state)
{
	(void)state;
	MUST("ip neigh replace 10.77.0.3 dev va lladdr " OTHER_MAC " nud permanent");
	request("10.9.1.1");
	assert_true(is_unreachable("10.9.1.1", DROP_NO_ROUTE));
	MUST("ip route add 10.9.0.0/16 via 10.77.0.2");
	WAIT_FOR(is_ready("10.9.1.1", PEER_MAC));
	MUST("ip route replace 10.9.0.0/16 via 10.77.0.3");
	WAIT_FOR(is_ready("10.9.1.1", OTHER_MAC));
	MUST("ip route add 10.9.1.0/24 via 10.77.0.2");
	WAIT_FOR(is_ready("10.9.1.1", PEER_MAC));
	MUST("ip route add unreachable 10.9.1.1/32");
	WAIT_FOR(is_unreachable("10.9.1.1", DROP_NO_ROUTE));
	MUST("ip route del unreachable 10.9.1.1/32");
	WAIT_FOR(is_ready("10.9.1.1", PEER_MAC));
	MUST("ip route replace 10.9.1.0/24 via 10.88.0.2");
	WAIT_FOR(is_unreachable("10.9.1.1", DROP_NO_ROUTE));
}

static void route__next_hop_object_and_rule(void **state)
{
	(void)state;
	MUST("ip neigh replace 10.77.0.3 dev va lladdr " OTHER_MAC " nud permanent");
	MUST("ip nexthop add id 7 via 10.77.0.2 dev va && ip route add 10.9.0.0/16 nhid 7");
	request("10.9.1.1");
	WAIT_FOR(is_ready("10.9.1.1", PEER_MAC));
	MUST("ip nexthop replace id 7 via 10.77.0.3 dev va");
	WAIT_FOR(is_ready("10.9.1.1", OTHER_MAC));
	MUST("ip rule add to 10.9.0.0/16 blackhole");
	WAIT_FOR(is_unreachable("10.9.1.1", DROP_NO_ROUTE));
	MUST("ip rule del to 10.9.0.0/16 blackhole");
	WAIT_FOR(is_ready("10.9.1.1", OTHER_MAC));
}

static void link__down_and_up(void **state)
{
	uint32_t before = link_events;

	(void)state;
	request("10.77.0.2");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
	MUST("ip link set va down");
	WAIT_FOR(is_unreachable("10.77.0.2", DROP_NO_ROUTE));
	assert_true(link_events > before);
	MUST("ip link set va up && ip addr add fd77::1/64 dev va nodad 2>/dev/null; true");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
}

static void set_port__moves_it(void **state)
{
	struct netlink_link link;

	(void)state;
	request("10.77.0.2");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
	assert_int_equal(resolver_set_port(resolver, PORT + 1, 1), -ENOENT);
	assert_int_equal(resolver_set_port(resolver, PORT, 0), 0);
	WAIT_FOR(is_unreachable("10.77.0.2", DROP_NO_ROUTE));
	assert_int_equal(netlink_link_by_name(netlink, "va", &link), 0);
	assert_int_equal(resolver_set_port(resolver, PORT, link.ifindex), 0);
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
}

static void request__capacity(void **state)
{
	struct ip_addr addr = ip("10.9.0.99");
	char text[32];

	(void)state;
	MUST("ip route add 10.9.0.0/16 via 10.77.0.2");
	for (int i = 0; i < CAPACITY; i++) {
		snprintf(text, sizeof(text), "10.9.0.%d", i + 1);
		request(text);
	}
	WAIT_FOR(is_ready("10.9.0.1", PEER_MAC) && is_ready(text, PEER_MAC));
	assert_int_equal(resolver_count(resolver), CAPACITY);
	assert_int_equal(resolver_request(resolver, &addr), -ENOSPC);
	request("10.9.0.1"); /* one that is followed already is no new one */
	forget("10.9.0.1");
	forget("10.9.0.1");
	assert_int_equal(resolver_count(resolver), CAPACITY - 1);
	assert_int_equal(resolver_request(resolver, &addr), 0);
}

/* A scan of addresses that nobody has does not keep those out that somebody has. */
static void request__scan_makes_room(void **state)
{
	char text[32];

	(void)state;
	request("10.77.0.2");
	WAIT_FOR(is_ready("10.77.0.2", PEER_MAC));
	for (int i = 0; i < 3 * CAPACITY; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i + 1);
		request(text);
		assert_true(is_unreachable(text, DROP_NO_ROUTE));
	}
	assert_int_equal(resolver_count(resolver), CAPACITY);
	MUST("ip route add 10.9.0.0/16 via 10.77.0.2");
	request("10.9.0.1");
	WAIT_FOR(is_ready("10.9.0.1", PEER_MAC));
	MUST("ip route del 10.9.0.0/16 via 10.77.0.2");
	WAIT_FOR(is_unreachable("10.9.0.1", DROP_NO_ROUTE));
	assert_true(is_ready("10.77.0.2", PEER_MAC));
}

/* More notifications than the socket holds: what changed meanwhile is still found. */
static void events__overrun(void **state)
{
	uint32_t before = resyncs;

	(void)state;
	MUST("ip neigh replace 10.77.0.3 dev va lladdr " OTHER_MAC " nud permanent");
	MUST("ip route add 10.9.0.0/16 via 10.77.0.2");
	request("10.9.1.1");
	WAIT_FOR(is_ready("10.9.1.1", PEER_MAC));
	MUST("seq 0 24999 | awk '{printf \"route add 10.%%d.%%d.0/24 via 10.77.0.2\\n\", "
	     "128 + $1 / 256, $1 %% 256}' | ip -batch -");
	MUST("ip route replace 10.9.0.0/16 via 10.77.0.3");
	WAIT_FOR(resyncs > before);
	WAIT_FOR(is_ready("10.9.1.1", OTHER_MAC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(netlink__link_facts, setup, teardown),
		cmocka_unit_test_setup_teardown(netlink__addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(netlink__routes, setup, teardown),
		cmocka_unit_test_setup_teardown(request__on_link, setup, teardown),
		cmocka_unit_test_setup_teardown(request__no_way, setup, teardown),
		cmocka_unit_test_setup_teardown(request__own_address, setup, teardown),
		cmocka_unit_test_setup_teardown(request__silent_then_there, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbour__mac_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbour__static_entry_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbour__release_keeps_the_entry, setup,
						teardown),
		cmocka_unit_test_setup_teardown(route__changes, setup, teardown),
		cmocka_unit_test_setup_teardown(route__next_hop_object_and_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(link__down_and_up, setup, teardown),
		cmocka_unit_test_setup_teardown(set_port__moves_it, setup, teardown),
		cmocka_unit_test_setup_teardown(request__capacity, setup, teardown),
		cmocka_unit_test_setup_teardown(request__scan_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(events__overrun, setup, teardown),
	};

	if (geteuid() || system("command -v ip nsenter >/dev/null")) {
		fprintf(stderr, "SKIPPED test_resolver: needs root, ip and nsenter\n");
		return SKIP;
	}
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/core/intent_plan.h"

static struct site sites[2];
static struct gateway gateways[2];
static struct link link_ab;
static struct path path;

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(ip_prefix_parse(text, &parsed), 0);
	return parsed;
}

static struct path_context context(void)
{
	return (struct path_context){
		.name = "job1",
		.path = &path,
		.link = &link_ab,
		.sites = {&sites[0], &sites[1]},
		.gateways = {&gateways[0], &gateways[1]},
	};
}

static int setup(void **state)
{
	static const char *const names[] = {"gw-a", "gw-b"};
	static const char *const addresses[] = {"10.200.0.1", "10.200.0.2"};
	static const char *const prefixes[] = {"10.101.0.0/16", "10.102.0.0/16"};

	(void)state;
	memset(sites, 0, sizeof(sites));
	memset(gateways, 0, sizeof(gateways));
	memset(&link_ab, 0, sizeof(link_ab));
	memset(&path, 0, sizeof(path));
	for (int end = 0; end < 2; end++) {
		sites[end].prefix_count = 1;
		sites[end].prefixes[0] = prefix(prefixes[end]);
		gateways[end].port_count = 1;
		gateways[end].ports[0].address_count = 1;
		model_name_set(gateways[end].ports[0].name, "wan0");
		ip_addr_parse(addresses[end], &gateways[end].ports[0].addresses[0]);
		model_name_set(link_ab.ends[end].gateway, names[end]);
		model_name_set(link_ab.ends[end].port, "wan0");
	}
	link_ab.id = 9;
	link_ab.rtt_ns = 20000000;
	link_ab.capacity_bps = 10000;
	path.match_count = 1;
	path.rate_bps[END_A] = path.max_bps[END_A] = 100;
	path.rate_bps[END_Z] = path.max_bps[END_Z] = 200;
	path.assigned = (struct path_assignment){.id = 7, .generation = 3};
	return 0;
}

static void plan__mirrored_at_both_ends(void **state)
{
	struct path_context ctx = context();
	struct intent_path a, z;

	(void)state;
	ctx.traits[END_Z] = (struct gateway_traits){
		.udp_port = 4000, .lanes = 4, .lan_mtu = 9000, .certificate = "c0ffee"};
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_RECEIVE, &a), 0);
	assert_int_equal(intent_plan_path(&ctx, END_Z, STAGE_CLAIM, &z), 0);
	assert_string_equal(a.peer, "gw-b");
	assert_string_equal(z.peer, "gw-a");
	assert_true(ip_addr_equal(&a.local_addr, &z.peer_addr));
	assert_true(ip_addr_equal(&a.peer_addr, &z.local_addr));
	assert_true(ip_prefix_equal(&a.near[0], &z.far[0]));
	assert_true(ip_prefix_equal(&a.far[0], &z.near[0]));
	assert_int_equal(a.phase, PHASE_RECEIVE);
	assert_int_equal(z.phase, PHASE_CLAIM);
	assert_int_equal(a.rate_bps, 100);
	assert_int_equal(z.rate_bps, 200);
	assert_int_equal(a.id, 7);
	assert_int_equal(a.generation, 3);
	assert_int_equal(a.link_id, 9);
	assert_int_equal(a.dscp, 34);
	assert_int_equal(a.peer_udp_port, 4000);
	assert_int_equal(a.peer_lanes, 4);
	assert_int_equal(a.far_lan_mtu, 9000);
	assert_int_equal(z.peer_udp_port, TRAITS_UDP_PORT_DEFAULT);
	assert_int_equal(z.far_lan_mtu, TRAITS_LAN_MTU_DEFAULT);
	assert_string_equal(a.peer_certificate, "c0ffee");
	assert_string_equal(z.peer_certificate, "");
	assert_int_equal(a.link_rtt_ns, 20000000);
	assert_int_equal(z.link_bps, 10000);
	assert_int_equal(z.max_bps, 200);
	assert_int_equal(z.peer_max_bps, 100);
}

/* Each gateway is told of its own site's LAN, and of the path's class alone. */
static void plan__each_site_has_its_map(void **state)
{
	struct path_context ctx = context();
	struct intent_path a, z;

	(void)state;
	sites[0].qos[0] = (struct site_class){true, 26, 3};
	sites[0].qos[1] = (struct site_class){true, 8, 1};
	sites[1].qos[1] = (struct site_class){true, 10, 2};
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_RECEIVE, &a), 0);
	assert_int_equal(intent_plan_path(&ctx, END_Z, STAGE_RECEIVE, &z), 0);
	assert_true(a.deliver.has_dscp && a.deliver.has_priority);
	assert_int_equal(a.deliver.dscp, 26);
	assert_int_equal(a.deliver.priority, 3);
	assert_false(z.deliver.has_dscp || z.deliver.has_priority);
}

static void plan__reversed_link(void **state)
{
	struct path_context ctx = context();
	struct intent_path a;

	(void)state;
	/* The path begins where the link ends. */
	path.assigned.is_reversed = true;
	ctx.gateways[END_A] = &gateways[1];
	ctx.gateways[END_Z] = &gateways[0];
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_DRAIN, &a), 0);
	assert_string_equal(a.peer, "gw-a");
	assert_int_equal(a.phase, PHASE_DRAIN);
	assert_true(ip_addr_equal(&a.local_addr, &gateways[1].ports[0].addresses[0]));
}

static void plan__own_prefixes_win(void **state)
{
	struct path_context ctx = context();
	struct intent_path a;

	(void)state;
	path.ends[END_A].prefix_count = 1;
	path.ends[END_A].prefixes[0] = prefix("10.101.7.0/24");
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_RECEIVE, &a), 0);
	assert_true(ip_prefix_equal(&a.near[0], &path.ends[END_A].prefixes[0]));
}

static void plan__missing_port_or_address(void **state)
{
	struct path_context ctx = context();
	struct intent_path a;

	(void)state;
	link_ab.family = FAMILY_IPV6;
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_RECEIVE, &a), -ENOENT);
	link_ab.family = FAMILY_ANY;
	gateways[1].port_count = 0;
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_RECEIVE, &a), -ENOENT);
}

static uint64_t digest_of(struct path_context *ctx)
{
	uint64_t digest = 0;

	assert_int_equal(intent_plan_digest(ctx, &digest), 0);
	return digest;
}

static void digest__what_needs_a_new_proof(void **state)
{
	struct path_context ctx = context();
	uint64_t before = digest_of(&ctx);

	(void)state;
	path.rate_bps[0] = 999;
	path.max_bps[1] = 999;
	path.assigned.generation = 4;
	path.assigned.id = 8;
	path.when_down = WHEN_DOWN_BEST_EFFORT;
	ctx.traits[0].lan_mtu = 1280;
	strcpy(ctx.traits[1].certificate, "c0ffee");
	link_ab.rtt_ns = 1;
	link_ab.capacity_bps = 1;
	sites[1].qos[0] = (struct site_class){true, 26, 3};
	assert_true(digest_of(&ctx) == before);
	path.match[0].protocol = PROTOCOL_TCP;
	assert_true(digest_of(&ctx) != before);
	path.match[0].protocol = PROTOCOL_ANY;
	assert_true(digest_of(&ctx) == before);
	path.class = 1;
	assert_true(digest_of(&ctx) != before);
	path.class = 0;
	sites[1].prefixes[0] = prefix("10.103.0.0/16");
	assert_true(digest_of(&ctx) != before);
}

static uint64_t flow_digest_of(struct path_context *ctx)
{
	uint64_t digest = 0;

	assert_int_equal(intent_plan_flow_digest(ctx, &digest), 0);
	return digest;
}

/* What gateways change in place: the tunnel. The gateways themselves, and the traffic, they do not.
 */
static void flow_digest__all_but_the_tunnel(void **state)
{
	struct path_context ctx = context();
	uint64_t whole = digest_of(&ctx), flow = flow_digest_of(&ctx);

	(void)state;
	link_ab.id = 10;
	ip_addr_parse("10.200.7.1", &gateways[0].ports[0].addresses[0]);
	assert_true(digest_of(&ctx) != whole);
	assert_true(flow_digest_of(&ctx) == flow);
	path.class = 1;
	assert_true(flow_digest_of(&ctx) != flow);
	path.class = 0;
	model_name_set(link_ab.ends[END_Z].gateway, "gw-c");
	assert_true(flow_digest_of(&ctx) != flow);
}

static void plan__rates_of_a_move(void **state)
{
	struct path_context ctx = context();
	struct path old = path;
	struct intent_path a;

	(void)state;
	old.rate_bps[END_A] = 60;
	old.max_bps[END_Z] = 70;
	path_move_begin(&path, &old, MOVE_ASKED);
	assert_int_equal(intent_plan_path(&ctx, END_A, STAGE_CLAIM, &a), 0);
	assert_int_equal(a.rate_bps, 60);
	assert_int_equal(a.max_bps, 100);
	assert_int_equal(a.peer_max_bps, 70);
}

static void phase__none_without_intent(void **state)
{
	(void)state;
	assert_int_equal(stage_phase(STAGE_WAIT), 0);
	assert_int_equal(stage_phase(STAGE_RECEIVE), PHASE_RECEIVE);
	assert_int_equal(stage_phase(STAGE_REMOVE), 0);
	assert_int_equal(stage_phase(STAGE_GONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plan__mirrored_at_both_ends, setup),
		cmocka_unit_test_setup(plan__each_site_has_its_map, setup),
		cmocka_unit_test_setup(plan__reversed_link, setup),
		cmocka_unit_test_setup(plan__own_prefixes_win, setup),
		cmocka_unit_test_setup(plan__missing_port_or_address, setup),
		cmocka_unit_test_setup(digest__what_needs_a_new_proof, setup),
		cmocka_unit_test(flow_digest__all_but_the_tunnel),
		cmocka_unit_test(plan__rates_of_a_move),
		cmocka_unit_test(phase__none_without_intent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

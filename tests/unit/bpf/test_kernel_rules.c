// SPDX-License-Identifier: BSD-3-Clause
/*
 * Attaching, finding, refusing and detaching programs, on a veth pair in a network namespace of the
 * test's own, which ends with it. Needs root and ip(8).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/agent/clsact.h"
#include "dataplane/agent/kernel_parts.h"
#include "dataplane/agent/kernel_rules.h"
#include "dataplane/agent/ruleset_heap.h"
#include "tests/unit/bpf/corpus.h"

static uint32_t ifindex, peer_ifindex;
static const struct ruleset *rules, *nothing; /* of the corpus; none at all */

static uint32_t attached_id(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)ifindex, 0, &id), 0);
	return id;
}

static int foreign_prog_load(enum bpf_prog_type type)
{
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(type, "others_prog", "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

/* As the af_xdp driver does: loads the object by its path and attaches where nothing is. */
static struct bpf_object *driver_attach(uint32_t flags)
{
	struct bpf_object *object;
	struct bpf_program *program;
	char path[32];
	int fd = kernel_rules_object_open(path, sizeof(path));

	assert_true(fd >= 0);
	object = bpf_object__open_file(path, NULL);
	assert_non_null(object);
	program = bpf_object__next_program(object, NULL);
	assert_int_equal(bpf_object__load(object), 0);
	assert_non_null(bpf_object__find_map_by_name(object, "xsks_map"));
	assert_int_equal(bpf_xdp_attach((int)ifindex, bpf_program__fd(program),
					flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL),
			 0);
	close(fd);
	return object;
}

/* Sends a frame of the corpus into the port under test from the far end of the cable. */
static void frame_send(const struct corpus_case *c)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)peer_ifindex};
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&c->spec, frame);
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
	close(fd);
}

/* The softirq may come a little later: waits until `count` differs from `from`. */
static uint64_t count_wait(const struct kernel_rules *kernel, const uint64_t *count,
			   struct kernel_rules_counters *read, uint64_t from)
{
	for (int i = 0; i < 500 && *count == from; i++) {
		usleep(2000);
		assert_int_equal(kernel_rules_read(kernel, read), 0);
	}
	return *count - from;
}

static void foreign_filter_add(uint32_t handle, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = priority);

	opts.prog_fd = foreign_prog_load(BPF_PROG_TYPE_SCHED_CLS);
	if (!clsact_exists(ifindex))
		assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(opts.prog_fd);
}

static void clsact_delete(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	assert_int_equal(bpf_tc_hook_destroy(&hook), 0);
}

/* Of the filter in our place. */
static uint32_t filter_prog_id(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0x4357, .priority = 0x4357);

	assert_int_equal(bpf_tc_query(&hook, &opts), 0);
	return opts.prog_id;
}

static const struct corpus_case *corpus_find(const char *name)
{
	for (uint32_t i = 0; i < corpus_count; i++)
		if (strcmp(corpus[i].name, name) == 0)
			return &corpus[i];
	fail_msg("no case %s", name);
	return NULL;
}

static void remove_stale__free_interface(void **state)
{
	struct kernel_rules_foreign foreign;

	(void)state;
	assert_int_equal(kernel_rules_remove_stale(ifindex, &foreign), 0);
}

static void remove_stale__ours(void **state)
{
	static const uint32_t modes[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
	struct kernel_rules_foreign foreign;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bpf_object *object = driver_attach(modes[i]);

		assert_true(attached_id() != 0);
		assert_int_equal(kernel_rules_remove_stale(ifindex, &foreign), 0);
		assert_int_equal(attached_id(), 0);
		bpf_object__close(object);
	}
}

static void remove_stale__refuses_anothers(void **state)
{
	struct kernel_rules_foreign foreign = {0};
	struct kernel_rules kernel = {0};
	int fd = foreign_prog_load(BPF_PROG_TYPE_XDP);

	(void)state;
	assert_int_equal(bpf_xdp_attach((int)ifindex, fd, 0, NULL), 0);
	assert_int_equal(kernel_rules_remove_stale(ifindex, &foreign), -EBUSY);
	assert_string_equal(foreign.name, "others_prog");
	assert_int_equal(foreign.id, attached_id());
	assert_int_equal(kernel_rules_open_xdp(&kernel, ifindex), -EBUSY);
	assert_int_equal(bpf_xdp_detach((int)ifindex, 0, NULL), 0);
	close(fd);
}

static void open_xdp__nothing_attached(void **state)
{
	struct kernel_rules kernel = {0};

	(void)state;
	assert_int_equal(kernel_rules_open_xdp(&kernel, ifindex), -ENOENT);
	kernel_rules_close(&kernel);
}

static void open_xdp__judges_traffic_until_close(void **state)
{
	struct bpf_object *object = driver_attach(XDP_FLAGS_DRV_MODE);
	struct kernel_rules_counters read = {0};
	struct kernel_rules kernel = {0};
	struct classify_port port;

	(void)state;
	corpus_port(&port, CLASSIFY_LAN);
	assert_int_equal(kernel_rules_open_xdp(&kernel, ifindex), 0);
	assert_int_equal(kernel_rules_configure(&kernel, &port), 0);
	assert_int_equal(kernel_rules_apply(&kernel, rules), 0);
	assert_int_equal(kernel_rules_read(&kernel, &read), 0);
	/* No AF_XDP socket is there, so what is claimed passes. */
	frame_send(&corpus[0]);
	assert_int_equal(count_wait(&kernel, &read.unserved, &read, read.unserved), 1);
	kernel_rules_close(&kernel);
	assert_int_equal(attached_id(), 0);
	kernel_rules_close(&kernel);
	bpf_object__close(object);
}

/* Detached by hand and replaced meanwhile: what is there now is not ours to touch. */
static void close__leaves_anothers(void **state)
{
	struct bpf_object *object = driver_attach(0);
	struct kernel_rules kernel = {0};
	int fd = foreign_prog_load(BPF_PROG_TYPE_XDP);
	uint32_t id;

	(void)state;
	assert_int_equal(kernel_rules_open_xdp(&kernel, ifindex), 0);
	assert_int_equal(bpf_xdp_attach((int)ifindex, fd, 0, NULL), 0);
	id = attached_id();
	kernel_rules_close(&kernel);
	assert_int_equal(attached_id(), id);
	assert_int_equal(bpf_xdp_detach((int)ifindex, 0, NULL), 0);
	close(fd);
	bpf_object__close(object);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void open_packet__drops_the_kernels_copy(void **state)
{
	struct kernel_rules_foreign foreign;
	struct kernel_rules_counters read = {0};
	struct kernel_rules kernel = {0};
	struct classify_port port;

	(void)state;
	corpus_port(&port, CLASSIFY_LAN);
	assert_int_equal(clsact_exists(ifindex), 0);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_configure(&kernel, &port), 0);
	/* Not without rules: it could stand in the place of one that blocks. */
	assert_int_equal(clsact_exists(ifindex), 0);
	assert_int_equal(kernel_rules_apply(&kernel, rules), 0);
	assert_int_equal(clsact_exists(ifindex), 1);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	assert_int_equal(kernel_rules_heartbeat(&kernel, monotonic_ns() + 60000000000ull), 0);
	assert_int_equal(kernel_rules_read(&kernel, &read), 0);
	frame_send(&corpus[0]);
	assert_int_equal(count_wait(&kernel, &read.dropped, &read, read.dropped), 1);
	assert_int_equal(kernel_rules_apply(&kernel, nothing), 0);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_exists(ifindex), 0);
}

static void open_packet__wan_needs_no_rules(void **state)
{
	struct kernel_rules_foreign foreign;
	struct kernel_rules kernel = {0};
	struct classify_port port;

	(void)state;
	corpus_port(&port, CLASSIFY_WAN);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_configure(&kernel, &port), 0);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	assert_false(kernel_rules_has_claims(&kernel));
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_exists(ifindex), 0);
}

static void open_packet__vlan_tag_is_seen(void **state)
{
	static const struct corpus_case vlan = {
		.spec = {.dport = 5001, .tag_count = 1, .tci = {100}},
	};
	struct kernel_rules_foreign foreign;
	struct kernel_rules_counters read = {0};
	struct kernel_rules kernel = {0};
	struct classify_port port;

	(void)state;
	corpus_port(&port, CLASSIFY_LAN);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_configure(&kernel, &port), 0);
	assert_int_equal(kernel_rules_apply(&kernel, nothing), 0);
	assert_int_equal(kernel_rules_read(&kernel, &read), 0);
	/* The kernel has taken the tag off by then. */
	frame_send(&vlan);
	assert_int_equal(count_wait(&kernel, &read.passed[KERNEL_VLAN], &read, 0), 1);
	kernel_rules_close(&kernel);
}

static void open_packet__replaces_stale(void **state)
{
	struct kernel_rules_foreign foreign;
	struct kernel_rules dead = {0}, kernel = {0};

	(void)state;
	assert_int_equal(kernel_rules_open_packet(&dead, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_apply(&dead, nothing), 0);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), 0);
	assert_int_equal(filter_prog_id(), dead.prog_id);
	assert_int_equal(kernel_rules_apply(&kernel, nothing), 0);
	assert_int_equal(filter_prog_id(), kernel.prog_id);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	/* The old one's close must not take the new one away. */
	kernel_rules_close(&dead);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_exists(ifindex), 0);
}

/* The gateway goes, in whatever way, and comes back: at no time is the blocked packet let through.
 */
static void open_packet__what_blocks_stays(void **state)
{
	struct kernel_rules_foreign foreign;
	struct kernel_rules_counters read = {0};
	struct kernel_rules kernel = {0}, next = {0}, watch = {0};
	struct classify_port port;

	(void)state;
	corpus_port(&port, CLASSIFY_LAN);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_configure(&kernel, &port), 0);
	assert_int_equal(kernel_rules_apply(&kernel, rules), 0);
	assert_int_equal(kernel_rules_bind(&watch, KERNEL_RULES_TC, 0, kernel.prog_id), 0);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	frame_send(corpus_find("first fragment"));
	assert_int_equal(count_wait(&watch, &read.blocked, &read, 0), 1);
	frame_send(&corpus[0]);
	assert_int_equal(count_wait(&watch, &read.unserved, &read, 0), 1);
	kernel_rules_close(&watch);
	/* The next life: the old one judges until the new one has rules. */
	assert_int_equal(kernel_rules_open_packet(&next, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_configure(&next, &port), 0);
	assert_true(filter_prog_id() != next.prog_id);
	assert_int_equal(kernel_rules_apply(&next, nothing), 0);
	assert_int_equal(filter_prog_id(), next.prog_id);
	kernel_rules_close(&next);
	assert_int_equal(clsact_exists(ifindex), 0);
}

/* A guard comes with the first rules that block, or in the place of an earlier one. */
static void open_guard__only_to_block(void **state)
{
	struct kernel_rules_foreign foreign;
	struct kernel_rules kernel = {0};

	(void)state;
	assert_int_equal(kernel_rules_open_guard(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_apply(&kernel, nothing), 0);
	assert_int_equal(clsact_exists(ifindex), 0);
	assert_int_equal(kernel_rules_apply(&kernel, rules), 0);
	assert_int_equal(filter_prog_id(), kernel.prog_id);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	assert_int_equal(kernel_rules_open_guard(&kernel, ifindex, &foreign), 0);
	assert_true(filter_prog_id() != kernel.prog_id);
	assert_int_equal(kernel_rules_apply(&kernel, nothing), 0);
	assert_int_equal(filter_prog_id(), kernel.prog_id);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_exists(ifindex), 0);
}

static void release__takes_ours_and_only_ours(void **state)
{
	struct bpf_object *object = driver_attach(XDP_FLAGS_DRV_MODE);
	struct kernel_rules_foreign foreign;
	struct kernel_rules kernel = {0};
	int fd = foreign_prog_load(BPF_PROG_TYPE_XDP);

	(void)state;
	foreign_filter_add(1, 1);
	assert_int_equal(kernel_rules_open_guard(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_apply(&kernel, rules), 0);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_filter_count(ifindex), 2);
	assert_int_equal(kernel_rules_release(ifindex), 2);
	assert_int_equal(attached_id(), 0);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	assert_int_equal(bpf_xdp_attach((int)ifindex, fd, 0, NULL), 0);
	assert_int_equal(kernel_rules_release(ifindex), 0);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	assert_true(attached_id() != 0);
	assert_int_equal(bpf_xdp_detach((int)ifindex, 0, NULL), 0);
	clsact_delete();
	assert_int_equal(kernel_rules_release(ifindex), 0);
	close(fd);
	bpf_object__close(object);
}

static void open_packet__others_filters_stay(void **state)
{
	struct kernel_rules_foreign foreign;
	struct kernel_rules kernel = {0};

	(void)state;
	foreign_filter_add(1, 1);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), 0);
	assert_int_equal(kernel_rules_apply(&kernel, nothing), 0);
	assert_int_equal(clsact_filter_count(ifindex), 2);
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	clsact_delete();
}

static void open_packet__refuses_anothers_in_its_place(void **state)
{
	struct kernel_rules_foreign foreign = {0};
	struct kernel_rules kernel = {0};

	(void)state;
	foreign_filter_add(0x4357, 0x4357);
	assert_int_equal(kernel_rules_open_packet(&kernel, ifindex, &foreign), -EBUSY);
	assert_string_equal(foreign.name, "others_prog");
	kernel_rules_close(&kernel);
	assert_int_equal(clsact_filter_count(ifindex), 1);
	clsact_delete();
}

static int setup(void **state)
{
	(void)state;
	if (system("ip link add cwx-cls0 type veth peer name cwx-cls1 && "
		   "ip link set cwx-cls0 address 02:ca:05:e0:00:01 && "
		   "ip link set cwx-cls0 up && ip link set cwx-cls1 up"))
		return -1;
	ifindex = if_nametoindex("cwx-cls0");
	peer_ifindex = if_nametoindex("cwx-cls1");
	rules = corpus_rules(0);
	return ruleset_heap_build(NULL, 0, &nothing);
}

static int teardown(void **state)
{
	(void)state;
	free((void *)(uintptr_t)rules);
	ruleset_heap_free(nothing);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(remove_stale__free_interface),
		cmocka_unit_test(remove_stale__ours),
		cmocka_unit_test(remove_stale__refuses_anothers),
		cmocka_unit_test(open_xdp__nothing_attached),
		cmocka_unit_test(open_xdp__judges_traffic_until_close),
		cmocka_unit_test(close__leaves_anothers),
		cmocka_unit_test(open_packet__drops_the_kernels_copy),
		cmocka_unit_test(open_packet__wan_needs_no_rules),
		cmocka_unit_test(open_packet__vlan_tag_is_seen),
		cmocka_unit_test(open_packet__replaces_stale),
		cmocka_unit_test(open_packet__what_blocks_stays),
		cmocka_unit_test(open_guard__only_to_block),
		cmocka_unit_test(release__takes_ours_and_only_ours),
		cmocka_unit_test(open_packet__others_filters_stay),
		cmocka_unit_test(open_packet__refuses_anothers_in_its_place),
	};

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "SKIP: a network namespace needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}

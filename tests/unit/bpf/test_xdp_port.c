// SPDX-License-Identifier: BSD-3-Clause
/*
 * The whole way of a verdict in xdp mode: DPDK's af_xdp driver loads our object and attaches it,
 * frames come over a veth, and the worker's side finds the verdict in front of them. In a network
 * namespace of the test's own. Needs root and ip(8).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/agent/kernel_rules.h"
#include "dataplane/core/user_classifier.h"
#include "tests/unit/bpf/corpus.h"

#define ROUNDS 20

static uint32_t ifindex, peer_ifindex;
static uint16_t port;
static struct rte_mempool *pool;
static const struct ruleset *rules;
static struct kernel_rules kernel;

static void frame_send(const uint8_t *frame, uint32_t len)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)peer_ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
	close(fd);
}

static struct rte_mbuf *frame_receive(void)
{
	struct rte_mbuf *mbuf = NULL;

	for (int i = 0; i < 1000 && rte_eth_rx_burst(port, 0, &mbuf, 1) == 0; i++)
		usleep(1000);
	return mbuf;
}

static void case_run(const struct corpus_case *c)
{
	struct classify_input in = {.rules = (uint64_t)(uintptr_t)rules};
	uint8_t frame[PACKET_BYTES];
	uint32_t len = packet_build(&c->spec, frame);
	const struct cw_meta *meta;
	struct rte_mbuf *mbuf;

	corpus_port(&in.port, CLASSIFY_LAN);
	classify_input_fill(&in, frame, len);
	frame_send(frame, len);
	mbuf = frame_receive();
	if (!mbuf)
		fail_msg("%s: did not arrive", c->name);
	meta = rte_pktmbuf_mtod_offset(mbuf, const struct cw_meta *, -(int)sizeof(*meta));
	assert_int_equal(rte_pktmbuf_data_len(mbuf), len);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, const void *), frame, len);
	assert_int_equal(meta->magic, CW_META_MAGIC);
	assert_int_equal(meta->verdict, user_classifier_run(&in));
	rte_pktmbuf_free(mbuf);
}

/* Only what is claimed arrives, and pauses: the frames of other cases would be taken for the next
 * claimed one.
 */
static void xdp_port__delivers_what_is_claimed(void **state)
{
	uint32_t claimed = 0;

	(void)state;
	for (uint32_t i = 0; i < corpus_count; i++) {
		uint8_t frame[PACKET_BYTES];
		uint32_t len = packet_build(&corpus[i].spec, frame);

		/* veth takes frames up to its MTU, and none of just a header. */
		if (corpus[i].role || corpus[i].vlan_tci || len > 1514 || len <= 14)
			continue;
		if (corpus[i].kind != VERDICT_CLAIM && corpus[i].kind != VERDICT_PAUSE) {
			frame_send(frame, len);
			continue;
		}
		case_run(&corpus[i]);
		claimed++;
	}
	assert_in_range(claimed, 30, corpus_count);
}

/* Rules change twenty times between frames; none is lost. */
static void xdp_port__rules_change_without_loss(void **state)
{
	const struct ruleset *moved = corpus_rules(1), *first = rules;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		rules = i % 2 ? first : moved;
		assert_int_equal(kernel_rules_apply(&kernel, rules), 0);
		case_run(&corpus[0]);
	}
	rules = first;
	free((void *)(uintptr_t)moved);
}

static int port_start(void)
{
	const struct rte_eth_conf conf = {0};
	char path[32], args[128];
	int fd = kernel_rules_object_open(path, sizeof(path));
	int ret;

	if (fd < 0)
		return -1;
	snprintf(args, sizeof(args), "net_af_xdp0,iface=cwx-xdp0,xdp_prog=%s", path);
	ret = rte_dev_probe(args);
	if (!ret)
		ret = rte_eth_dev_get_port_by_name("net_af_xdp0", &port);
	if (!ret)
		ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (!ret)
		ret = rte_eth_rx_queue_setup(port, 0, 512, 0, NULL, pool);
	if (!ret)
		ret = rte_eth_tx_queue_setup(port, 0, 512, 0, NULL);
	close(fd);
	return ret ? ret : rte_eth_dev_start(port);
}

static int setup(void **state)
{
	struct classify_port config;

	(void)state;
	if (system("ip link add cwx-xdp0 type veth peer name cwx-xdp1 && "
		   "ip link set cwx-xdp0 address 02:ca:05:e0:00:01 && "
		   "ip link set cwx-xdp0 up && ip link set cwx-xdp1 up"))
		return -1;
	ifindex = if_nametoindex("cwx-xdp0");
	peer_ifindex = if_nametoindex("cwx-xdp1");
	rules = corpus_rules(0);
	/* The driver alone fills its ring with 2,048. */
	pool = rte_pktmbuf_pool_create("xdp", 4095, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	if (!pool || port_start())
		return -1;
	corpus_port(&config, CLASSIFY_LAN);
	if (kernel_rules_open_xdp(&kernel, ifindex) || kernel_rules_configure(&kernel, &config))
		return -1;
	return kernel_rules_apply(&kernel, rules);
}

/* The driver detaches at close; ours comes after it and must find nothing left to do. */
static int teardown(void **state)
{
	struct kernel_rules_foreign foreign;

	(void)state;
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
	kernel_rules_close(&kernel);
	free((void *)(uintptr_t)rules);
	return kernel_rules_remove_stale(ifindex, &foreign);
}

int main(void)
{
	static char *eal[] = {
		"test_xdp_port",  "--no-huge",	      "-m", "64", "--no-pci", "--no-shconf",
		"--no-telemetry", "--log-level=error"};
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(xdp_port__delivers_what_is_claimed),
		cmocka_unit_test(xdp_port__rules_change_without_loss),
	};
	int failed;

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "SKIP: a network namespace needs root\n");
		return 77;
	}
	if (rte_eal_init(sizeof(eal) / sizeof(eal[0]), eal) < 0) {
		fprintf(stderr, "SKIP: DPDK's EAL does not start here\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, setup, teardown);
	rte_eal_cleanup();
	return failed;
}

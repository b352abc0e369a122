#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/nccl.h"

#define MS  1000000ull
#define S   1000000000ull
#define G   1000000000ull
#define MIB (1ull << 20)

static struct nccl_setting settings[NCCL_SETTINGS_MAX];
static uint32_t count;

static const struct nccl_setting *find(const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!strcmp(settings[i].name, name))
			return &settings[i];
	}
	return NULL;
}

static const char *value_of(const char *name)
{
	const struct nccl_setting *setting = find(name);

	assert_non_null(setting);
	return setting->value;
}

static void check_all(const struct nccl_facts *facts)
{
	count = nccl_settings(facts, settings, NCCL_SETTINGS_MAX);
	assert_in_range(count, 1, NCCL_SETTINGS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const struct nccl_setting *setting = &settings[i];

		assert_true(strlen(setting->name) > 3);
		assert_true(strlen(setting->value) > 0);
		assert_true(strlen(setting->value) < sizeof(setting->value) - 1);
		assert_true(strlen(setting->reason) > 20);
		/* Nothing was cut off. */
		assert_true(strlen(setting->reason) < sizeof(setting->reason) - 1);
		assert_ptr_equal(find(setting->name), setting);
	}
}

/* The product of rate and time that a job between two sites has to keep on its way. */
static struct nccl_facts facts_of(uint64_t rate_bps, uint64_t rtt_ns)
{
	return (struct nccl_facts){
		.rate_bps = rate_bps,
		.rtt_ns = rtt_ns,
		.bdp_bytes = rate_bps / 8000 * rtt_ns / 1000000,
		.vendors = NCCL_VENDOR_NVIDIA,
		.is_rdma = true,
		.has_same_nodes = true,
		.dscp = 34,
		.interface = "eth0",
	};
}

static void vendor__names(void **state)
{
	(void)state;
	assert_int_equal(nccl_vendor_find("NVIDIA"), NCCL_VENDOR_NVIDIA);
	assert_int_equal(nccl_vendor_find("nvidia"), NCCL_VENDOR_NVIDIA);
	assert_int_equal(nccl_vendor_find("Amd"), NCCL_VENDOR_AMD);
	assert_int_equal(nccl_vendor_find("amdahl"), NCCL_VENDOR_OTHER);
	assert_int_equal(nccl_vendor_find("nvidi"), NCCL_VENDOR_OTHER);
	assert_int_equal(nccl_vendor_find(""), NCCL_VENDOR_OTHER);
}

static void library__by_vendors(void **state)
{
	static const struct {
		uint8_t vendors;
		const char *library, *word;
	} table[] = {
		{0, "nccl", "not known"},
		{NCCL_VENDOR_NVIDIA, "nccl", "NVIDIA"},
		{NCCL_VENDOR_AMD, "nccl", "RCCL"},
		{NCCL_VENDOR_OTHER, "gloo", "Gloo"},
		{NCCL_VENDOR_NVIDIA | NCCL_VENDOR_AMD, "gloo", "Gloo"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct nccl_facts facts = facts_of(G, MS);
		struct nccl_sizes sizes;

		facts.vendors = table[i].vendors;
		nccl_sizes_for(&facts, &sizes);
		assert_string_equal(nccl_library_name(sizes.library), table[i].library);
		assert_non_null(strstr(nccl_library_reason(&facts), table[i].word));
	}
	assert_string_equal(nccl_scope_name(NCCL_SCOPE_JOB), "env");
	assert_string_equal(nccl_scope_name(NCCL_SCOPE_HOST), "sysctl");
}

static void facts__largest_of_the_plan(void **state)
{
	static const struct cluster_demand demand = {.pattern = CLUSTER_TREE};
	static const struct cluster_plan plan = {
		.edge_count = 3,
		.edges = {{.rate_bps = {100 * G, G}, .rtt_ns = MS},
			  {.rate_bps = {10 * G, 20 * G}, .rtt_ns = 8 * MS},
			  {.rate_bps = {G, G}, .rtt_ns = 80 * MS}},
	};
	struct nccl_facts facts = {.rate_bps = 1, .dscp = 7};

	(void)state;
	nccl_facts_of_plan(&demand, &plan, &facts);
	assert_int_equal(facts.pattern, CLUSTER_TREE);
	assert_int_equal(facts.rate_bps, 100 * G);
	assert_int_equal(facts.rtt_ns, 80 * MS);
	assert_int_equal(facts.bdp_bytes, 20 * G / 8 / 125);
	assert_int_equal(facts.dscp, 7);
}

static void sizes__table(void **state)
{
	static const struct {
		uint64_t rate_bps, rtt_ns;
		uint32_t rings;
		uint64_t buffer_bytes;
		uint32_t channels, sockets, threads, queue_pairs;
		uint8_t ib_timeout;
	} table[] = {
		/* Beside each other: NCCL's defaults are enough. */
		{10 * G, MS / 10, 0, 4 * MIB, 8, 1, 1, 1, 19},
		/* 50 MB on its way: 67 MB in 8 buffers. */
		{10 * G, 40 * MS, 1, 8 * MIB, 8, 1, 1, 1, 19},
		/* 500 MB: 667 MB in 8 buffers would be 128 MiB each. */
		{100 * G, 40 * MS, 1, 64 * MIB, 16, 2, 1, 1, 19},
		/* The same for 8 rings. */
		{100 * G, 40 * MS, 8, 16 * MIB, 8, 1, 1, 1, 19},
		/* 2 GB, all that there is. */
		{400 * G, 40 * MS, 1, 128 * MIB, 32, 4, 1, 2, 19},
		{400 * G, 200 * MS, 1, 128 * MIB, 32, 4, 1, 2, 19},
		/* Four round trips of 0.6 s are more than 2.1 s. */
		{G, 600 * MS, 1, 16 * MIB, 8, 1, 1, 1, 20},
		{G, 10 * S, 1, 64 * MIB, 32, 1, 1, 1, 22},
		{400 * G, MS / 100, 1, 4 * MIB, 8, 16, 4, 8, 19},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct nccl_facts facts = facts_of(table[i].rate_bps, table[i].rtt_ns);
		struct nccl_sizes sizes;

		facts.rings = table[i].rings;
		nccl_sizes_for(&facts, &sizes);
		assert_int_equal(sizes.buffer_bytes, table[i].buffer_bytes);
		assert_int_equal(sizes.channels, table[i].channels);
		assert_int_equal(sizes.sockets, table[i].sockets);
		assert_int_equal(sizes.threads, table[i].threads);
		assert_int_equal(sizes.queue_pairs, table[i].queue_pairs);
		assert_int_equal(sizes.ib_timeout, table[i].ib_timeout);
	}
}

/* Whatever the path: NCCL's ranges, and the inequalities that the header promises. */
static void sizes__promises(void **state)
{
	(void)state;
	for (uint64_t rate = 1000000; rate <= 400 * G; rate *= 2) {
		for (uint64_t rtt = 1000; rtt <= 10 * S; rtt *= 3) {
			struct nccl_facts facts = facts_of(rate, rtt);
			uint64_t streams, timeout;
			struct nccl_sizes sizes;

			facts.is_rdma = rtt % 2;
			facts.rings = (uint32_t)(rtt % 5);
			nccl_sizes_for(&facts, &sizes);
			streams = (uint64_t)(facts.rings ? facts.rings : 1) * sizes.channels;
			timeout = 4096ull << sizes.ib_timeout;
			assert_in_range(sizes.ib_timeout, 1, 22);
			assert_true(timeout >= 4 * rtt || sizes.ib_timeout == 22);
			assert_true(8 * timeout >= NCCL_OUTAGE_DEFAULT_NS);
			assert_true(sizes.sockets % sizes.threads == 0);
			assert_in_range(sizes.threads, 1, 16);
			assert_in_range(sizes.sockets, 1, 64);
			assert_true(streams * sizes.sockets * 5 * G >= rate);
			assert_true(streams * sizes.queue_pairs * 10 * G >= rate ||
				    sizes.queue_pairs == 8);
			assert_true(sizes.window_bytes >= facts.bdp_bytes ||
				    (sizes.channels == 32 && sizes.buffer_bytes == 128 * MIB) ||
				    (!facts.is_rdma && sizes.tcp_bytes == 1024 * MIB));
			assert_int_equal(sizes.chunk_bytes * 8, sizes.buffer_bytes);
			check_all(&facts);
		}
	}
}

static void settings__rdma(void **state)
{
	struct nccl_facts facts = facts_of(10 * G, 40 * MS);

	(void)state;
	check_all(&facts);
	assert_string_equal(value_of("NCCL_SOCKET_IFNAME"), "=eth0");
	assert_string_equal(value_of("GLOO_SOCKET_IFNAME"), "eth0");
	assert_string_equal(value_of("NCCL_ALGO"), "Ring");
	assert_string_equal(value_of("NCCL_PROTO"), "Simple");
	assert_string_equal(value_of("NCCL_CROSS_NIC"), "0");
	assert_string_equal(value_of("NCCL_MIN_NCHANNELS"), "8");
	assert_string_equal(value_of("NCCL_BUFFSIZE"), "8388608");
	assert_string_equal(value_of("NCCL_P2P_NET_CHUNKSIZE"), "1048576");
	assert_string_equal(value_of("NCCL_IB_TIMEOUT"), "19");
	assert_string_equal(value_of("NCCL_IB_RETRY_CNT"), "7");
	assert_string_equal(value_of("NCCL_IB_TC"), "136");
	assert_string_equal(value_of("NCCL_IB_FIFO_TC"), "136");
	assert_string_equal(value_of("NCCL_IB_QPS_PER_CONNECTION"), "1");
	assert_null(find("NCCL_IB_DISABLE"));
	assert_null(find("net.ipv4.tcp_rmem"));
	assert_non_null(strstr(find("NCCL_BUFFSIZE")->reason, "47.7 MiB"));
	assert_non_null(strstr(find("NCCL_IB_TIMEOUT")->reason, "40 ms"));
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(settings[i].scope, NCCL_SCOPE_JOB);
}

static void settings__tcp(void **state)
{
	struct nccl_facts facts = facts_of(100 * G, 40 * MS);

	(void)state;
	facts.is_rdma = false;
	facts.has_same_nodes = false;
	facts.interface[0] = '\0';
	facts.pattern = CLUSTER_TREE;
	check_all(&facts);
	assert_null(find("NCCL_SOCKET_IFNAME"));
	assert_null(find("GLOO_SOCKET_IFNAME"));
	assert_null(find("NCCL_ALGO"));
	assert_null(find("NCCL_IB_TIMEOUT"));
	assert_string_equal(value_of("NCCL_CROSS_NIC"), "1");
	assert_string_equal(value_of("NCCL_IB_DISABLE"), "1");
	assert_string_equal(value_of("NCCL_SOCKET_NTHREADS"), "1");
	assert_string_equal(value_of("NCCL_NSOCKS_PERTHREAD"), "2");
	/* 1 GB in 32 sockets. */
	assert_string_equal(value_of("net.ipv4.tcp_rmem"), "4096 131072 33554432");
	assert_string_equal(value_of("net.ipv4.tcp_wmem"), "4096 16384 33554432");
	assert_string_equal(value_of("net.ipv4.tcp_slow_start_after_idle"), "0");
	assert_int_equal(find("net.ipv4.tcp_ecn")->scope, NCCL_SCOPE_HOST);
}

static void settings__gloo_between_vendors(void **state)
{
	struct nccl_facts facts = facts_of(10 * G, 40 * MS);
	struct nccl_sizes sizes;

	(void)state;
	facts.vendors = NCCL_VENDOR_NVIDIA | NCCL_VENDOR_AMD;
	facts.rings = 4;
	memset(facts.interface, 'e', sizeof(facts.interface) - 1);
	check_all(&facts);
	for (uint32_t i = 0; i < count; i++)
		assert_null(strstr(settings[i].name, "NCCL_"));
	assert_string_equal(value_of("GLOO_SOCKET_IFNAME"), facts.interface);
	/* 100 MB in 4 sockets. */
	assert_string_equal(value_of("net.ipv4.tcp_rmem"), "4096 131072 33554432");
	nccl_sizes_for(&facts, &sizes);
	assert_int_equal(sizes.window_bytes, 4 * 2 * MIB);
	assert_int_equal(sizes.piece_bytes, MIB);
}

static void settings__as_many_as_there_is_room(void **state)
{
	struct nccl_facts facts = facts_of(10 * G, 40 * MS);
	struct nccl_setting few[3] = {{.name = "first"}, {.name = "second"}, {.name = "third"}};

	(void)state;
	memset(facts.interface, 'e', sizeof(facts.interface) - 1);
	check_all(&facts);
	assert_int_equal(nccl_settings(&facts, few, 2), count);
	assert_memory_equal(few, settings, 2 * sizeof(few[0]));
	assert_string_equal(few[2].name, "third");
	assert_int_equal(nccl_settings(&facts, NULL, 0), count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vendor__names),
		cmocka_unit_test(library__by_vendors),
		cmocka_unit_test(facts__largest_of_the_plan),
		cmocka_unit_test(sizes__table),
		cmocka_unit_test(sizes__promises),
		cmocka_unit_test(settings__rdma),
		cmocka_unit_test(settings__tcp),
		cmocka_unit_test(settings__gloo_between_vendors),
		cmocka_unit_test(settings__as_many_as_there_is_room),
	};

	if (getenv("PRINT_SETTINGS")) {
		struct nccl_facts facts = facts_of(10 * G, 40 * MS);

		for (int i = 0; i < 2; i++, facts.is_rdma = false) {
			count = nccl_settings(&facts, settings, NCCL_SETTINGS_MAX);
			for (uint32_t j = 0; j < count; j++)
				printf("%s=%s\n\t%s\n", settings[j].name, settings[j].value,
				       settings[j].reason);
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

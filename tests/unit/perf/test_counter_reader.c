/* The reader against files of the real writer, whole and damaged. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/agent/counter_file.h"
#include "perf/counter_reader.h"

static char dir[] = "counter_reader_XXXXXX";
static struct counter_file *file;

static struct counter_file *file_create(const char *gateway)
{
	char run_dir[64], error[200];
	const struct counter_file_options options = {.run_dir = run_dir,
						     .gateway = gateway,
						     .version = "0.1.0",
						     .workers = 2,
						     .ports = 3,
						     .paths = 4,
						     .tsc_hz = 1000,
						     .boot = 7};
	struct counter_file *made;

	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	made = counter_file_create(&options, error, sizeof(error));
	if (!made)
		fail_msg("%s", error);
	return made;
}

static int setup(void **state)
{
	(void)state;
	file = file_create("gw-a");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	counter_file_destroy(file);
	return 0;
}

static struct counter_reader *open_file(void)
{
	char error[300];
	struct counter_reader *reader =
		counter_reader_open(counter_file_path(file), error, sizeof(error));

	if (!reader)
		fail_msg("%s", error);
	return reader;
}

static void create__layout_and_mode(void **state)
{
	const struct cw_counters_header *h = counter_file_header(file);
	struct stat facts;

	(void)state;
	assert_int_equal(stat(counter_file_path(file), &facts), 0);
	assert_int_equal(facts.st_mode & 0777, 0644);
	assert_int_equal(facts.st_size, h->file_bytes);
	assert_int_equal(h->workers, 2);
	assert_int_equal(h->boot, 7);
	assert_string_equal(h->gateway, "gw-a");
	assert_int_equal(h->pid, getpid());
	/* Neighbouring slots are an array. */
	assert_ptr_equal(counter_file_path_counters(file, 1, 0) + 3,
			 counter_file_path_counters(file, 1, 3));
	assert_ptr_equal(counter_file_port(file, 1, 0) + 2, counter_file_port(file, 1, 2));
}

static void create__no_area_overlaps(void **state)
{
	(void)state;
	for (uint32_t w = 0; w < 2; w++) {
		memset(counter_file_worker(file, w), 0x11, sizeof(struct cw_worker_counters));
		for (uint32_t p = 0; p < 3; p++)
			memset(counter_file_port(file, w, p), 0x22,
			       sizeof(struct cw_port_counters));
		for (uint32_t s = 0; s < 4; s++)
			memset(counter_file_path_counters(file, w, s), 0x33,
			       sizeof(struct cw_path_counters));
		memset(counter_file_link_counters(file, w), 0x66,
		       CW_LINKS * sizeof(struct cw_link_counters));
	}
	for (uint32_t p = 0; p < 3; p++)
		memset(counter_file_port_facts(file, p), 0x44, sizeof(struct cw_port_facts));
	for (uint32_t s = 0; s < 4; s++)
		memset(counter_file_path_facts(file, s), 0x55, sizeof(struct cw_path_facts));
	assert_true(counter_file_header(file)->magic == CW_COUNTERS_MAGIC);
	assert_int_equal(*(uint8_t *)counter_file_worker(file, 1), 0x11);
	assert_int_equal(*(uint8_t *)counter_file_port(file, 1, 2), 0x22);
	assert_int_equal(*(uint8_t *)counter_file_path_counters(file, 0, 3), 0x33);
	assert_int_equal(*(uint8_t *)counter_file_port_facts(file, 2), 0x44);
	assert_int_equal(*(uint8_t *)counter_file_path_facts(file, 3), 0x55);
	assert_int_equal(*(uint8_t *)&counter_file_link_counters(file, 0)[CW_LINKS - 1], 0x66);
	assert_int_equal(*(uint8_t *)&counter_file_link_counters(file, 1)[0], 0x66);
}

static void create__where_it_cannot(void **state)
{
	char run_dir[64], error[200];
	struct counter_file_options options = {
		.run_dir = run_dir, .gateway = "x", .version = "", 1, 1, 1};

	(void)state;
	snprintf(run_dir, sizeof(run_dir), "%s/run/gw-a/counters", dir);
	assert_null(counter_file_create(&options, error, sizeof(error)));
	assert_int_equal(errno, ENOTDIR);
	assert_non_null(strstr(error, "check run_dir"));
}

static void destroy__leaves_anothers_file(void **state)
{
	struct counter_file *second = file_create("gw-a");
	struct stat facts;

	(void)state;
	counter_file_destroy(file);
	file = NULL;
	assert_int_equal(stat(counter_file_path(second), &facts), 0);
	counter_file_destroy(second);
}

static void take__sums_workers_of_the_present_epoch(void **state)
{
	struct counter_reader *reader = open_file();
	struct cw_path_facts *facts = counter_file_path_facts(file, 2);
	struct snapshot *snapshot;

	(void)state;
	strcpy(counter_file_port_facts(file, 1)->name, "wan0");
	counter_file_port(file, 0, 1)->rx_packets = 5;
	counter_file_port(file, 1, 1)->rx_packets = 6;
	counter_file_port(file, 1, 0)->rx_packets = 99; /* a port without a name is none */
	strcpy(facts->name, "job1");
	facts->epoch = 3;
	counter_file_path_counters(file, 0, 2)->epoch = 3;
	counter_file_path_counters(file, 0, 2)->out.rx_packets = 10;
	counter_file_path_counters(file, 1, 2)->epoch = 2; /* of the slot's last use */
	counter_file_path_counters(file, 1, 2)->out.rx_packets = 1000;
	counter_file_worker(file, 1)->turns = 77;
	counter_file_heartbeat(file, 12345);

	snapshot = counter_reader_take(reader);
	assert_non_null(snapshot);
	assert_int_equal(snapshot->port_count, 1);
	assert_string_equal(snapshot->ports[0].facts.name, "wan0");
	assert_int_equal(snapshot->ports[0].sum.rx_packets, 11);
	assert_int_equal(snapshot->path_count, 1);
	assert_int_equal(snapshot->paths[0].slot, 2);
	assert_int_equal(snapshot->paths[0].out.rx_packets, 10);
	assert_int_equal(snapshot->workers[1].turns, 77);
	assert_int_equal(snapshot->header.heartbeat_ns, 12345);
	counter_snapshot_free(snapshot);

	counter_file_path_counters(file, 1, 2)->epoch = 3;
	snapshot = counter_reader_take(reader);
	assert_int_equal(snapshot->paths[0].out.rx_packets, 1010);
	counter_snapshot_free(snapshot);
	counter_reader_close(reader);
}

static void take__transport_of_a_path(void **state)
{
	struct counter_reader *reader = open_file();
	struct cw_path_facts *facts = counter_file_path_facts(file, 2);
	struct snapshot *snapshot;

	(void)state;
	strcpy(facts->name, "job1");
	facts->link = 23;
	for (uint32_t worker = 0; worker < 2; worker++) {
		struct cw_lane_counters *lane = &counter_file_path_counters(file, worker, 2)->lane;

		lane->sequenced = 10;
		lane->rtt_ns = 100 + worker;
		lane->rtt_min_ns = 90 + worker;
	}
	snapshot = counter_reader_take(reader);
	assert_int_equal(snapshot->paths[0].lane.sequenced, 20);
	assert_int_equal(snapshot->paths[0].lane.rtt_ns, 101);
	assert_int_equal(snapshot->paths[0].lane.rtt_min_ns, 90);
	assert_int_equal(snapshot->link_count, 0);
	counter_snapshot_free(snapshot);
	/* The slot's next use: the worker that has not taken it over yet counts nothing. */
	facts->epoch++;
	snapshot = counter_reader_take(reader);
	assert_int_equal(snapshot->paths[0].lane.sequenced, 0);
	counter_snapshot_free(snapshot);
	counter_reader_close(reader);
}

static void take__links_that_have_a_rate(void **state)
{
	struct counter_reader *reader = open_file();
	struct snapshot *snapshot;

	(void)state;
	for (uint32_t worker = 0; worker < 2; worker++) {
		struct cw_link_counters *links = counter_file_link_counters(file, worker);

		links[0].nominal_bps = 1; /* no number of a link */
		links[1] = (struct cw_link_counters){
			.nominal_bps = 100, .rate_bps = 30 + worker, .tx_bytes = 5};
		links[CW_LINKS - 1].nominal_bps = 7;
	}
	snapshot = counter_reader_take(reader);
	assert_int_equal(snapshot->link_count, 2);
	assert_int_equal(snapshot->links[0].number, 1);
	assert_int_equal(snapshot->links[0].sum.nominal_bps, 100);
	assert_int_equal(snapshot->links[0].sum.rate_bps, 61);
	assert_int_equal(snapshot->links[0].sum.tx_bytes, 10);
	assert_int_equal(snapshot->links[1].number, CW_LINKS - 1);
	counter_snapshot_free(snapshot);
	counter_reader_close(reader);
}

static void is_current__after_restart(void **state)
{
	struct counter_reader *reader = open_file();

	(void)state;
	assert_true(counter_reader_is_current(reader));
	counter_file_destroy(file);
	assert_false(counter_reader_is_current(reader));
	file = file_create("gw-a");
	assert_false(counter_reader_is_current(reader));
	counter_reader_close(reader);
}

static void open__refuses(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
		const char *error;
	} cases[] = {
		{offsetof(struct cw_counters_header, magic), 1, "not a counter file"},
		{offsetof(struct cw_counters_header, version), 99, "counter ABI 99"},
		{offsetof(struct cw_counters_header, header_bytes), 8, "damaged"},
		{offsetof(struct cw_counters_header, file_bytes), 1u << 30, "damaged"},
		{offsetof(struct cw_counters_header, workers), 3, "damaged"},
		{offsetof(struct cw_counters_header, workers), UINT32_MAX, "damaged"},
		{offsetof(struct cw_counters_header, ports), 1000000, "damaged"},
		{offsetof(struct cw_counters_header, paths), 100000, "damaged"},
		{offsetof(struct cw_counters_header, worker_offset), UINT32_MAX, "damaged"},
		{offsetof(struct cw_counters_header, worker_offset), 3, "damaged"},
		{offsetof(struct cw_counters_header, port_stride), 8, "damaged"},
		{offsetof(struct cw_counters_header, path_stride), 1u << 31, "damaged"},
		{offsetof(struct cw_counters_header, path_count_stride), 0, "damaged"},
		{offsetof(struct cw_counters_header, link_offset), UINT32_MAX - 7, "damaged"},
		{offsetof(struct cw_counters_header, link_offset), 12, "damaged"},
		{offsetof(struct cw_counters_header, link_stride), 64, "damaged"},
		{offsetof(struct cw_counters_header, link_stride), 4096, "damaged"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t *field =
			(uint32_t *)((uint8_t *)counter_file_header(file) + cases[i].offset);
		uint32_t right = *field;
		char error[300] = "";

		*field = cases[i].value;
		assert_null(counter_reader_open(counter_file_path(file), error, sizeof(error)));
		assert_int_equal(errno, EPROTO);
		if (!strstr(error, cases[i].error))
			fail_msg("case %zu: '%s'", i, error);
		*field = right;
	}
	counter_reader_close(open_file());
}

/* Any one word of the header wrong: an error line or a snapshot, never a read outside the file. */
static void open__any_damaged_word(void **state)
{
	static const uint32_t values[] = {0, 1, 7, 64, 4096, 1u << 20, 1u << 31, UINT32_MAX};
	uint32_t *words = (uint32_t *)counter_file_header(file);

	(void)state;
	for (size_t i = 0; i < sizeof(struct cw_counters_header) / sizeof(*words); i++) {
		uint32_t right = words[i];

		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			struct counter_reader *reader;
			char error[300];

			words[i] = values[k];
			reader = counter_reader_open(counter_file_path(file), error, sizeof(error));
			if (!reader)
				continue;
			counter_snapshot_free(counter_reader_take(reader));
			counter_reader_close(reader);
		}
		words[i] = right;
	}
}

static void open__short_and_missing_files(void **state)
{
	char path[64], error[300];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/short", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_null(counter_reader_open(path, error, sizeof(error)));
	assert_int_equal(errno, EPROTO);
	assert_int_equal(ftruncate(fd, 200), 0);
	assert_null(counter_reader_open(path, error, sizeof(error)));
	/* The header alone: its areas would lie behind the end. */
	assert_int_equal(pwrite(fd, counter_file_header(file), 288, 0), 288);
	assert_null(counter_reader_open(path, error, sizeof(error)));
	assert_int_equal(errno, EPROTO);
	close(fd);
	unlink(path);
	assert_null(counter_reader_open(path, error, sizeof(error)));
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(error, "is the gateway running?"));
	assert_null(counter_reader_open(dir, error, sizeof(error)));
}

static void gateways__sorted(void **state)
{
	struct counter_file *other = file_create("gw-0");
	struct gateway_list list;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/run", dir);
	assert_int_equal(counter_gateways_list(path, &list), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.names[0], "gw-0");
	assert_string_equal(list.names[1], "gw-a");
	counter_gateways_free(&list);
	counter_file_destroy(other);
	assert_int_equal(counter_gateways_list(path, &list), 0);
	assert_int_equal(list.count, 1);
	counter_gateways_free(&list);
	assert_int_equal(counter_gateways_list("/nonexistent", &list), 0);
	assert_int_equal(list.count, 0);
}

static int group_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(create__layout_and_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(create__no_area_overlaps, setup, teardown),
		cmocka_unit_test_setup_teardown(create__where_it_cannot, setup, teardown),
		cmocka_unit_test_setup_teardown(destroy__leaves_anothers_file, setup, teardown),
		cmocka_unit_test_setup_teardown(take__sums_workers_of_the_present_epoch, setup,
						teardown),
		cmocka_unit_test_setup_teardown(take__transport_of_a_path, setup, teardown),
		cmocka_unit_test_setup_teardown(take__links_that_have_a_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(is_current__after_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(open__refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(open__any_damaged_word, setup, teardown),
		cmocka_unit_test_setup_teardown(open__short_and_missing_files, setup, teardown),
		cmocka_unit_test_setup_teardown(gateways__sorted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/*
 * A gateway as control sees it, without a data plane: holds the channel, says that every path it is
 * told of receives and is proved, and claims what control lets it claim. A test tool. Prints one
 * line for each state and intent, and behind an intent what its paths are to be in the LAN.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/loop.h"
#include "dataplane/agent/channel.h"
#include "dataplane/agent/report_parts.h"
#include "dataplane/core/plan.h"

#define REPORT_NS  100000000ull
#define PART_BYTES 100 /* one path in each part */

static const char certificate[] =
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

struct probe {
	struct loop *loop;
	struct channel *channel;
	struct intent *intent;
	struct loop_timer timer;
};

static json_t *path_report(const struct intent_path *path)
{
	return json_pack("{s:s, s:I, s:I, s:b, s:b, s:b, s:I, s:n}", "name", path->name, "id",
			 (json_int_t)path->id, "generation", (json_int_t)path->generation,
			 "receiving", 1, "proved", 1, "claiming", path->phase == PHASE_CLAIM,
			 "rtt_ns", (json_int_t)10100000, "error");
}

static void report(struct probe *probe)
{
	json_t *paths = json_array();
	json_t *root;
	char *text;

	for (uint32_t i = 0; i < probe->intent->path_count; i++)
		json_array_append_new(paths, path_report(&probe->intent->paths[i]));
	root = json_pack("{s:i, s:s, s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:[], s:{s:s}}",
			 "boot", 1, "version", CAUSEWAY_VERSION, "revision",
			 (json_int_t)probe->intent->revision, "term",
			 (json_int_t)probe->intent->term, "lan_mtu", 1500, "wan_mtu", 2000,
			 "udp_port", 47700, "lanes", 1, "workers", 1, "buffer_bytes", 268435456,
			 "ports", "certificate", "sha256", certificate);
	text = report_parts(root, paths, PART_BYTES);
	channel_report(probe->channel, text);
	free(text);
	json_decref(paths);
	json_decref(root);
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	struct probe *probe = arg;

	report(probe);
	channel_alive(probe->channel);
	loop_timer_set(probe->loop, timer, loop_now_ns(probe->loop) + REPORT_NS);
}

/* "path job1 deliver 26/3", with - for what stays as it is. */
static void deliver_print(const struct intent_path *path)
{
	char dscp[8] = "-", priority[8] = "-";

	if (path->deliver.has_dscp)
		snprintf(dscp, sizeof(dscp), "%u", path->deliver.dscp);
	if (path->deliver.has_priority)
		snprintf(priority, sizeof(priority), "%u", path->deliver.priority);
	printf("path %s deliver %s/%s\n", path->name, dscp, priority);
}

static void on_intent(struct intent *intent, const char *line, size_t len, void *arg)
{
	struct probe *probe = arg;

	(void)line;
	(void)len;
	plan_settle(probe->intent, intent);
	intent_free(probe->intent);
	probe->intent = intent;
	printf("intent %u\n", intent->path_count);
	for (uint32_t i = 0; i < intent->path_count; i++)
		deliver_print(&intent->paths[i]);
	report(probe);
}

static void on_state(enum channel_state state, void *arg)
{
	static const char *const names[] = {
		[CHANNEL_DOWN] = "down", [CHANNEL_UNKNOWN] = "unknown", [CHANNEL_UP] = "up"};

	(void)arg;
	printf("state %s\n", names[state]);
}

int main(int argc, char **argv)
{
	struct probe probe = {0};
	struct tls_files tls;
	struct channel_config config = {
		.on_intent = on_intent, .on_state = on_state, .arg = &probe};
	int err;

	if (argc != 3 && argc != 6 && argc != 7) {
		fprintf(stderr, "usage: channel_probe URL GATEWAY [CA CERTIFICATE KEY [CRL]]\n");
		return 2;
	}
	if (argc >= 6) {
		tls = (struct tls_files){
			.ca = argv[3],
			.cert = argv[4],
			.key = argv[5],
			.crl = argc > 6 ? argv[6] : NULL,
		};
		config.tls = &tls;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	config.url = argv[1];
	config.gateway = argv[2];
	probe.loop = loop_create();
	probe.intent = intent_new();
	if (!probe.loop || !probe.intent)
		return 1;
	probe.channel = channel_create(probe.loop, &config);
	if (!probe.channel)
		return 1;
	probe.timer = (struct loop_timer){.on_expire = on_timer, .arg = &probe};
	on_timer(&probe.timer, &probe);
	err = loop_run(probe.loop);
	channel_destroy(probe.channel);
	intent_free(probe.intent);
	loop_destroy(probe.loop);
	return err ? 1 : 0;
}

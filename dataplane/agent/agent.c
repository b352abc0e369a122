#include "dataplane/agent/agent_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HEARTBEAT_NS 100000000ull
#define ALIVE_BEATS  2 /* heartbeats for each word to control that we live */
#define REPORT_NS    1000000000ull
/* The kernel hands over to itself before we stop reading. */
#define HANDBACK_US 20000

void agent_log(const char *format, ...)
{
	va_list args;
	char line[512];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "causeway-gateway: %s\n", line);
}

static void on_proved(void *arg, uint32_t index, uint32_t generation, uint64_t rtt_ns)
{
	apply_proved(arg, index, generation, rtt_ns);
}

static void on_lost(void *arg, uint32_t index)
{
	apply_lost(arg, index);
}

static void on_rekey(void *arg, uint32_t index)
{
	agree_anew(arg, index);
}

/* Told by each worker for its part; the event is what matters, not which one noticed first. */
static void on_link(void *arg, uint32_t link, bool is_lowered, uint64_t rate_bps)
{
	(void)arg;
	if (is_lowered)
		agent_log(
			"link %u: a queue stands on it, paced at %llu Mb/s until it is gone: is it "
			"as fast as control was told?",
			link, (unsigned long long)(rate_bps / 1000000));
	else
		agent_log("link %u: as fast as control said again", link);
}

static void on_storm(void *arg, uint32_t port, uint32_t priority, bool is_ours)
{
	const struct agent *a = arg;
	const char *name = a->config->ports[port].name;

	if (is_ours)
		agent_log(
			"port %s: senders of priority %u were paused for more than 150 ms and "
			"still more waits than the path's rate lets out: they may send again, and "
			"what exceeds the queue is dropped (queue_full)",
			name, priority);
	else
		agent_log("port %s: the LAN has paused priority %u for more than 100 ms: what is "
			  "ready for it is dropped (pause_storm) until it goes on",
			  name, priority);
}

static void on_local(void *arg, const uint8_t *ip, uint32_t len)
{
	struct agent *a = arg;

	if (a->tun_fd >= 0)
		tun_write(a->tun_fd, ip, len);
}

static void on_intent(struct intent *intent, const char *line, size_t len, void *arg)
{
	struct agent *a = arg;
	int ret = state_file_save_intent(&a->state, line, len);

	if (ret)
		agent_log("%s/intent.json: %s: a restart without control will not know its paths",
			  a->state.dir, strerror(-ret));
	apply_intent(a, intent);
}

static void on_channel_state(enum channel_state state, void *arg)
{
	struct agent *a = arg;

	a->report_is_due |= state == CHANNEL_UP;
}

static void on_heartbeat(struct loop_timer *timer, void *arg)
{
	struct agent *a = arg;
	uint64_t now = loop_now_ns(a->loop);

	counter_file_heartbeat(a->counters, now);
	for (uint32_t i = 0; i < a->config->port_count; i++)
		if (a->kernel[i].kind != KERNEL_RULES_NONE)
			kernel_rules_heartbeat(&a->kernel[i], now);
	if (++a->beats % ALIVE_BEATS == 0)
		channel_alive(a->channel);
	loop_timer_set(a->loop, timer, now + HEARTBEAT_NS);
}

static void on_report_timer(struct loop_timer *timer, void *arg)
{
	struct agent *a = arg;

	report_facts(a);
	report_send(a);
	loop_timer_set(a->loop, timer, loop_now_ns(a->loop) + REPORT_NS);
}

static void on_fastpath_event(struct loop_op *op, int result, void *arg)
{
	struct agent *a = arg;

	(void)op;
	(void)result;
	fastpath_poll(a->fastpath);
	apply_settle(a);
}

static void on_signal(struct loop_op *op, int result, void *arg)
{
	struct agent *a = arg;

	(void)op;
	(void)result;
	a->is_stopping = true;
	loop_stop(a->loop);
}

static int signals_open(struct agent *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Before any thread exists, so that all inherit the mask. */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	a->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return a->signal_fd < 0 ? -errno : 0;
}

/* Fail static: what was carried out before the restart is again, with or without control. */
static void intent_restore(struct agent *a)
{
	char warning[INTENT_JSON_ERROR_BYTES] = "";
	struct intent *intent;
	int ret = state_file_load_intent(&a->state, &intent, warning);

	if (ret < 0)
		agent_log("%s: starting without paths", warning[0] ? warning : strerror(-ret));
	if (ret != 1)
		return;
	agent_log("restored %u paths of revision %llu", intent->path_count,
		  (unsigned long long)intent->revision);
	apply_intent(a, intent);
}

static int channel_open(struct agent *a, char *error, size_t size)
{
	const struct tls_files tls = {
		.ca = a->config->control_ca,
		.cert = a->config->control_cert,
		.key = a->config->control_key,
		.crl = a->config->control_crl,
	};
	struct channel_config config = {
		.url = a->config->control_url,
		.tls = &tls,
		.gateway = a->config->name,
		.min_term = a->applied->term,
		.random_seed = loop_now_ns(a->loop),
		.on_intent = on_intent,
		.on_state = on_channel_state,
		.arg = a,
	};

	a->channel = channel_create(a->loop, &config);
	if (a->channel)
		return 0;
	snprintf(error, size, "control.url %s: %s", a->config->control_url, strerror(errno));
	return -errno;
}

static void timers_start(struct agent *a)
{
	a->heartbeat.on_expire = on_heartbeat;
	a->heartbeat.arg = a;
	a->report_timer.on_expire = on_report_timer;
	a->report_timer.arg = a;
	on_heartbeat(&a->heartbeat, a);
	loop_timer_set(a->loop, &a->report_timer, loop_now_ns(a->loop) + REPORT_NS / 10);
}

static int watches_start(struct agent *a)
{
	int ret;

	a->signal_op.on_done = on_signal;
	a->event_op.on_done = on_fastpath_event;
	a->signal_op.arg = a->event_op.arg = a;
	ret = loop_watch_readable(a->loop, &a->signal_op, a->signal_fd);
	if (!ret)
		ret = loop_watch_readable(a->loop, &a->event_op, fastpath_event_fd(a->fastpath));
	network_watch(a);
	return ret;
}

static int agent_open(struct agent *a, char *error, size_t size)
{
	char log_path[CONFIG_PATH_BYTES + CONFIG_NAME_BYTES + 16];
	int ret = start_run_dir(a, log_path, sizeof(log_path), error, size);

	if (!ret)
		ret = start_state(a, error, size);
	if (ret)
		return ret;
	snprintf(error, size,
		 "no event loop: io_uring is not available (kernel.io_uring_disabled?)");
	ret = signals_open(a);
	a->loop = loop_create();
	if (ret || !a->loop)
		return ret ? ret : -errno;
	snprintf(error, size, "netlink is not available");
	a->netlink = netlink_create(a->loop);
	if (!a->netlink)
		return -errno;
	a->events = (struct fastpath_events){.on_hop_asked = network_hop_asked,
					     .on_proved = on_proved,
					     .on_lost = on_lost,
					     .on_rekey = on_rekey,
					     .on_link = on_link,
					     .on_storm = on_storm,
					     .on_local = on_local,
					     .arg = a};
	a->fastpath = fastpath_create(a->config, &a->events, log_path, error, size);
	if (!a->fastpath)
		return -EIO;
	a->tun_fd = tun_open();
	if (a->tun_fd < 0)
		agent_log(
			"/dev/net/tun: %s: this machine's own addresses cannot be reached through paths",
			strerror(-a->tun_fd));
	ret = start_ports(a, error, size);
	if (!ret)
		ret = start_counters(a, error, size);
	if (!ret)
		ret = fastpath_start(a->fastpath, a->counters, a->classify, error, size);
	return ret;
}

static int agent_begin(struct agent *a, char *error, size_t size)
{
	int ret = 0;

	snprintf(error, size, "out of memory");
	a->applied = intent_new();
	if (!a->applied)
		return -ENOMEM;
	ret = network_open(a);
	if (!ret)
		ret = watches_start(a);
	if (!ret)
		ret = agree_open(a, error, size);
	if (ret)
		return ret;
	intent_restore(a);
	ret = channel_open(a, error, size);
	if (!ret)
		timers_start(a);
	return ret;
}

struct agent *agent_create(const struct gateway_config *config, char *error, size_t size)
{
	struct agent *a = calloc(1, sizeof(*a));

	if (!a) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	a->config = config;
	a->signal_fd = a->run_lock = a->tun_fd = -1;
	memset(a->port_locks, -1, sizeof(a->port_locks));
	memset(a->priorities, INTENT_NO_PRIORITY, sizeof(a->priorities));
	if (agent_open(a, error, size) || agent_begin(a, error, size)) {
		agent_destroy(a);
		return NULL;
	}
	return a;
}

int agent_run(struct agent *a)
{
	int ret = 0;

	while (!a->is_stopping && !ret) {
		ret = loop_turn(a->loop, HEARTBEAT_NS);
		if (a->report_is_due && !a->is_stopping)
			report_send(a);
	}
	return ret;
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void agent_destroy(struct agent *a)
{
	if (!a)
		return;
	channel_destroy(a->channel);
	peers_destroy(a->peers);
	a->peers = NULL;
	if (a->fastpath && a->applied)
		apply_release(a);
	for (uint32_t i = 0; i < KERNEL_HOMES; i++)
		kernel_rules_close(&a->kernel[i]);
	grace_destroy(a->grace);
	if (a->applied)
		usleep(HANDBACK_US);
	resolver_destroy(a->resolver);
	a->resolver = NULL;
	if (a->netlink && a->listener.arg)
		netlink_remove_listener(a->netlink, &a->listener);
	if (a->loop && a->applied) {
		loop_cancel(a->loop, &a->signal_op);
		loop_cancel(a->loop, &a->event_op);
	}
	fastpath_destroy(a->fastpath);
	counter_file_destroy(a->counters);
	if (a->netlink)
		netlink_destroy(a->netlink);
	if (a->loop)
		loop_destroy(a->loop);
	fd_close(a->signal_fd);
	fd_close(a->tun_fd);
	for (uint32_t i = 0; i < CONFIG_PORTS_MAX; i++)
		fd_close(a->port_locks[i]);
	fd_close(a->run_lock);
	intent_free(a->applied);
	certificate_close(&a->certificate);
	free(a);
}

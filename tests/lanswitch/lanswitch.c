/*
 * causeway-lanswitch: a switch that knows priority-based flow control, for tests. What it decides
 * is in fabric.h; this file opens the interfaces, moves frames, sleeps and wakes. One thread.
 */
#include "tests/lanswitch/lanswitch.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/wan/admin.h"

#define NS_PER_S 1000000000ull
/* Under load frames are taken in groups this far apart: a wake for each costs more than the frame.
 */
#define MODERATION_NS 50000
#define HEADER_BYTES  18 /* Ethernet and a tag */
#define MAC_BYTES     12

static volatile sig_atomic_t stop_asked, print_asked;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void on_signal(int signal)
{
	if (signal == SIGUSR1)
		print_asked = 1;
	else
		stop_asked = 1;
}

/* Blocked everywhere but in ppoll: a signal between the check and the sleep is not missed. */
static void signals_prepare(sigset_t *while_asleep)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaction(numbers[i], &action, NULL);
		sigaddset(&blocked, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, while_asleep);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigdelset(while_asleep, numbers[i]);
}

/* The kernel takes tags out; a switch forwards them. */
static void frame_take(struct lanswitch *s, uint32_t port, const struct port_frame *frame,
		       uint64_t now)
{
	uint8_t tagged[65536 + HEADER_BYTES];
	uint32_t len = frame->len_bytes;

	if (!frame->has_vlan || len < MAC_BYTES || len > 65536) {
		fabric_on_frame(&s->fabric, port, frame->data, len, now);
		return;
	}
	memcpy(tagged, frame->data, MAC_BYTES);
	tagged[12] = (uint8_t)(frame->vlan_type >> 8);
	tagged[13] = (uint8_t)frame->vlan_type;
	tagged[14] = (uint8_t)(frame->vlan_tci >> 8);
	tagged[15] = (uint8_t)frame->vlan_tci;
	memcpy(tagged + 16, frame->data + MAC_BYTES, len - MAC_BYTES);
	fabric_on_frame(&s->fabric, port, tagged, len + 4, now);
}

static uint32_t receive(struct lanswitch *s, uint32_t port, uint64_t now)
{
	struct port_frame frame;
	uint32_t count = 0;

	for (; count < PORT_BURST && port_next(&s->ports[port], &frame); count++) {
		frame_take(s, port, &frame, now);
		port_next_done(&s->ports[port]);
	}
	return count;
}

/* Lost when the interface has no room: the refresh repeats a pause, and pauses end by themselves.
 */
static void pauses_send(struct lanswitch *s, uint32_t port, uint64_t now)
{
	uint8_t bytes[PFC_FRAME_BYTES];
	struct iovec piece = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
	bool refused;

	while (fabric_pfc_poll(&s->fabric, port, now, bytes))
		if (!port_send(&s->ports[port], &message, 1, &refused))
			s->ports[port].lost.tx_refused++;
}

static void outbox_fill(struct lanswitch *s, uint32_t port, uint64_t now)
{
	struct lanswitch_outbox *box = &s->outboxes[port];

	while (box->count < LANSWITCH_BURST) {
		uint32_t slot = fabric_next(&s->fabric, port, now);

		if (slot == FABRIC_NONE)
			return;
		box->slots[box->count++] = slot;
	}
}

static uint32_t transmit(struct lanswitch *s, uint32_t port, uint64_t now)
{
	struct lanswitch_outbox *box = &s->outboxes[port];
	struct mmsghdr messages[LANSWITCH_BURST] = {0};
	struct iovec pieces[LANSWITCH_BURST];
	bool refused = false;
	uint32_t done;

	outbox_fill(s, port, now);
	for (uint32_t i = 0; i < box->count; i++) {
		pieces[i].iov_base = fabric_frame(&s->fabric, box->slots[i]);
		pieces[i].iov_len = s->slots[box->slots[i]].len_bytes;
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	done = box->count ? port_send(&s->ports[port], messages, box->count, &refused) : 0;
	for (uint32_t i = 0; i < done; i++)
		fabric_sent(&s->fabric, port, box->slots[i], now);
	if (refused) {
		s->ports[port].lost.tx_refused++;
		fabric_refused(&s->fabric, box->slots[done++], now);
	}
	box->count -= done;
	memmove(box->slots, box->slots + done, box->count * sizeof(box->slots[0]));
	return done;
}

static uint32_t turn(struct lanswitch *s, uint64_t now)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; i < s->config.port_count; i++)
		moved += receive(s, i, now);
	for (uint32_t i = 0; i < s->config.port_count; i++) {
		pauses_send(s, i, now);
		moved += transmit(s, i, now);
	}
	/* What has just left may have ended a pause. */
	for (uint32_t i = 0; i < s->config.port_count; i++)
		pauses_send(s, i, now);
	return moved;
}

static bool outbox_waits(const struct lanswitch *s)
{
	for (uint32_t i = 0; i < s->config.port_count; i++)
		if (s->outboxes[i].count)
			return true;
	return false;
}

/* is_busy: more comes soon; wait for a group of frames, not for the first. */
static void sleep_until(struct lanswitch *s, uint64_t deadline, uint64_t now, bool is_busy,
			const sigset_t *mask)
{
	struct pollfd fds[FABRIC_PORTS + 1];
	uint32_t count = s->config.port_count;
	uint64_t pause = deadline > now ? deadline - now : 0;
	bool is_endless = deadline == UINT64_MAX && !is_busy;
	struct timespec wait;

	if (is_busy || pause < MODERATION_NS)
		pause = MODERATION_NS;
	wait.tv_sec = is_endless ? 0 : (time_t)(pause / NS_PER_S);
	wait.tv_nsec = (long)(pause % NS_PER_S);
	for (uint32_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = s->ports[i].fd, .events = POLLIN};
	fds[count] = (struct pollfd){.fd = s->admin_fd, .events = POLLIN};
	if (ppoll(fds, is_busy ? 0 : count + 1, is_endless ? NULL : &wait, mask) <= 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (fds[i].revents & POLLERR)
			port_clear_error(&s->ports[i]);
}

static void on_command(void *arg, char *command, char *answer, unsigned int size)
{
	lanswitch_command(arg, command, answer, size, now_ns());
}

static void print_now(struct lanswitch *s)
{
	lanswitch_print(s, stdout, now_ns());
	puts("");
	fflush(stdout);
}

static void run(struct lanswitch *s)
{
	sigset_t mask;

	signals_prepare(&mask);
	prctl(PR_SET_TIMERSLACK, 1ul);
	while (!stop_asked) {
		uint64_t now = now_ns();
		uint32_t moved = turn(s, now);

		if (s->admin_fd >= 0)
			admin_turn(s->admin_fd, on_command, s);
		if (print_asked)
			print_now(s);
		print_asked = 0;
		sleep_until(s, fabric_deadline(&s->fabric, now), now, moved || outbox_waits(s),
			    &mask);
	}
}

static int mac_read(const struct port *port, uint8_t mac[6])
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, port->name, sizeof(port->name));
	if (ioctl(port->fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}

static int ports_open(struct lanswitch *s)
{
	for (uint32_t i = 0; i < s->config.port_count; i++) {
		const char *why = "";
		int error = port_open(&s->ports[i], s->names[i], &why);

		if (!error) {
			why = "read the address";
			error = mac_read(&s->ports[i], s->macs[i]);
		}
		if (error) {
			fprintf(stderr, "causeway-lanswitch: %s: cannot %s: %s\n", s->names[i], why,
				strerror(-error));
			return error;
		}
		if (s->ports[i].mtu + HEADER_BYTES > s->config.frame_bytes)
			s->config.frame_bytes = s->ports[i].mtu + HEADER_BYTES;
	}
	return 0;
}

static int memory_map(struct lanswitch *s)
{
	uint32_t count = (uint32_t)(s->memory_bytes / s->config.frame_bytes);
	void *frames;

	if (!count)
		return -EINVAL;
	s->slots = calloc(count, sizeof(*s->slots));
	s->frames_bytes = (uint64_t)count * s->config.frame_bytes;
	frames = mmap(NULL, s->frames_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!s->slots || frames == MAP_FAILED)
		return -ENOMEM;
	s->frames = frames;
	return fabric_init(&s->fabric, &s->config, s->macs, s->slots, s->frames, count, now_ns());
}

static int statics_set(struct lanswitch *s)
{
	for (uint32_t i = 0; i < s->static_count; i++) {
		const char *equals = strchr(s->static_macs[i], '=');
		char text[18] = "";
		uint8_t mac[6];
		uint32_t port = equals ? lanswitch_port(s, equals + 1) : FABRIC_NONE;

		if (equals && equals - s->static_macs[i] == 17)
			memcpy(text, s->static_macs[i], 17);
		if (port == FABRIC_NONE || macs_parse(text, mac) ||
		    !macs_set(&s->fabric.macs, mac, port)) {
			fprintf(stderr, "causeway-lanswitch: --static %s: no MAC=INTERFACE\n",
				s->static_macs[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int open_all(struct lanswitch *s)
{
	int error = ports_open(s);

	if (error)
		return error;
	error = memory_map(s);
	if (error) {
		fprintf(stderr, "causeway-lanswitch: --memory: %s\n", strerror(-error));
		return error;
	}
	error = statics_set(s);
	if (error || !s->admin_path)
		return error;
	s->admin_fd = admin_open(s->admin_path);
	if (s->admin_fd < 0)
		fprintf(stderr, "causeway-lanswitch: --control %s: %s\n", s->admin_path,
			strerror(-s->admin_fd));
	return s->admin_fd < 0 ? s->admin_fd : 0;
}

static void close_all(struct lanswitch *s)
{
	if (s->admin_fd >= 0)
		admin_close(s->admin_fd, s->admin_path);
	for (uint32_t i = 0; i < s->config.port_count; i++)
		if (s->ports[i].fd >= 0)
			port_close(&s->ports[i]);
	if (s->frames)
		munmap(s->frames, s->frames_bytes);
	free(s->slots);
}

int main(int argc, char **argv)
{
	static struct lanswitch s; /* its table of addresses is large */
	int code;

	options_init(&s);
	code = options_read(&s, argc, argv);
	if (code >= 0)
		return code;
	if (open_all(&s) < 0) {
		close_all(&s);
		return 2;
	}
	fprintf(stderr, "causeway-lanswitch: test tool: switching between %u interfaces\n",
		s.config.port_count);
	run(&s);
	print_now(&s);
	close_all(&s);
	return 0;
}

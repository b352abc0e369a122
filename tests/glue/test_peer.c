/* Two gateways' key agreement over the loopback device: real TCP, real TLS, real loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "control/ctl/pki.h"
#include "dataplane/agent/peer.h"
#include "tests/unit/dataplane/intent_sample.h"

#define MS	    1000000ull
#define BEAT_NS	    (40 * MS)
#define PATIENCE_MS 15000
#define PATHS_MAX   300

/* What the fast path would hold for one path. */
struct held {
	bool has_tx, has_rx[PATH_KEYS_PHASES];
	uint8_t tx_phase;
	struct key_lane tx[PATH_KEYS_LANES], rx[PATH_KEYS_PHASES][PATH_KEYS_LANES];
	uint32_t installs, resets;
};

struct side {
	const char *name, *address;
	struct loop *loop;
	struct peers *peers;
	struct state_file state;
	struct certificate certificate;
	char pin[INTENT_CERTIFICATE_BYTES]; /* of the other one, as control says */
	uint64_t incarnation;
	struct intent_path intents[PATHS_MAX];
	struct held held[PATHS_MAX]; /* path id - 1 */
	uint32_t states;
	bool is_frozen;
};

static struct side sides[2];
static char state_dir[64];
static uint16_t port;

static void on_keys(void *arg, uint32_t path_id, const struct path_keys *keys)
{
	struct side *side = arg;
	struct held *held = &side->held[path_id - 1];

	assert_in_range(path_id, 1, PATHS_MAX);
	assert_true(keys->phase < PATH_KEYS_PHASES);
	if (keys->reset) {
		memset(held->has_rx, 0, sizeof(held->has_rx));
		held->has_tx = false;
		held->resets++;
	}
	if (keys->has_rx) {
		for (int phase = 0; phase < PATH_KEYS_PHASES; phase++)
			held->has_rx[phase] &= held->has_tx && phase == held->tx_phase;
		held->has_rx[keys->phase] = true;
		memcpy(held->rx[keys->phase], keys->rx, sizeof(keys->rx));
	}
	if (keys->has_tx) {
		held->has_tx = true;
		held->tx_phase = keys->phase;
		memcpy(held->tx, keys->tx, sizeof(keys->tx));
	}
	held->installs++;
}

static void on_state(void *arg, const struct peer_status *status)
{
	struct side *side = arg;

	assert_string_equal(status->gateway, sides[side == &sides[0]].name);
	side->states++;
}

static bool matches(uint32_t id, int from)
{
	const struct held *a = &sides[from].held[id - 1], *b = &sides[!from].held[id - 1];

	return a->has_tx && b->has_rx[a->tx_phase] &&
	       !memcmp(a->tx, b->rx[a->tx_phase], sizeof(a->tx));
}

static bool is_agreed(uint32_t id)
{
	return matches(id, 0) && matches(id, 1) &&
	       sides[0].held[id - 1].tx_phase == sides[1].held[id - 1].tx_phase;
}

static void turn(void)
{
	for (int i = 0; i < 2; i++)
		if (!sides[i].is_frozen)
			assert_int_equal(loop_turn(sides[i].loop, MS), 0);
}

static void turn_for(uint64_t ns)
{
	uint64_t end_ns = loop_now_ns(sides[0].loop) + ns;

	while (loop_now_ns(sides[0].loop) < end_ns)
		turn();
}

#define WAIT_UNTIL(condition)                                                    \
	do {                                                                     \
		uint64_t end_ns = loop_now_ns(sides[0].loop) + PATIENCE_MS * MS; \
                                                                                 \
		while (!(condition)) {                                           \
			turn();                                                  \
			if (loop_now_ns(sides[0].loop) > end_ns)                 \
				fail_msg("never: %s", #condition);               \
		}                                                                \
	} while (0)

static void side_start(struct side *side, const char *name)
{
	struct peers_options options = {
		.loop = side->loop,
		.gateway = name,
		.boot = 1,
		.certificate = &side->certificate,
		.port = port,
		.random_seed = side->incarnation,
		.on_keys = on_keys,
		.on_state = on_state,
		.arg = side,
		.heartbeat_ns = BEAT_NS,
	};

	side->incarnation = (uint64_t)random() << 32 | (uint64_t)random() | 1;
	side->peers = peers_create(&options);
	assert_non_null(side->peers);
}

static void paths_set(struct side *side, uint32_t count)
{
	const struct side *far = &sides[side == &sides[0]];
	struct peer_path paths[PATHS_MAX];

	for (uint32_t i = 0; i < count; i++) {
		struct intent_path *intent = &side->intents[i];

		*intent = intent_sample("job", i + 1);
		strcpy(intent->peer, far->name);
		strcpy(intent->peer_certificate, side->pin);
		ip_addr_parse(side->address, &intent->local_addr);
		ip_addr_parse(far->address, &intent->peer_addr);
		intent->peer_udp_port = port;
		/* In no order. */
		paths[count - 1 - i] =
			(struct peer_path){.intent = intent, .incarnation = side->incarnation + i};
	}
	assert_int_equal(peers_set(side->peers, paths, count), 0);
}

static void side_restart(struct side *side, uint32_t paths)
{
	peers_destroy(side->peers);
	memset(side->held, 0, sizeof(side->held));
	side_start(side, side->name);
	paths_set(side, paths);
}

static struct peer_status status_of(const struct side *side)
{
	struct peer_status status = {.error = "none"};

	peers_status(side->peers, 0, &status);
	return status;
}

static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static uint16_t port_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address = {.ss_family = 0};
	socklen_t len = sizeof(address);

	if (get(fd, (struct sockaddr *)&address, &len))
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&address)->sin_port) : 0;
}

/* Both ends' connected sockets are shut, as when a middlebox resets them. How many there were. */
static int cut(void)
{
	int count = 0;

	for (int fd = 3; fd < 256; fd++) {
		if (!port_of(fd, getpeername) ||
		    (port_of(fd, getpeername) != port && port_of(fd, getsockname) != port))
			continue;
		shutdown(fd, SHUT_RDWR);
		count++;
	}
	return count;
}

static int setup(void **state)
{
	static const char *const names[] = {"gw-a", "gw-b"};
	static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
	char error[256];

	(void)state;
	memset(sides, 0, sizeof(sides));
	strcpy(state_dir, "/tmp/test-peer-XXXXXX");
	if (!mkdtemp(state_dir))
		return -1;
	port = free_port();
	for (int i = 0; i < 2; i++) {
		sides[i].name = names[i];
		sides[i].address = addresses[i];
		sides[i].loop = loop_create();
		if (!sides[i].loop || state_file_open(&sides[i].state, state_dir, names[i]) ||
		    certificate_open(&sides[i].certificate, &sides[i].state, names[i], error,
				     sizeof(error)))
			return -1;
	}
	for (int i = 0; i < 2; i++) {
		strcpy(sides[i].pin, sides[!i].certificate.sha256);
		side_start(&sides[i], names[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	char path[512];

	(void)state;
	for (int i = 0; i < 2; i++) {
		peers_destroy(sides[i].peers);
		loop_destroy(sides[i].loop);
		certificate_close(&sides[i].certificate);
		snprintf(path, sizeof(path), "%s/identity.pem", sides[i].state.dir);
		unlink(path);
		rmdir(sides[i].state.dir);
	}
	return rmdir(state_dir);
}

static void start_agreed(uint32_t paths)
{
	paths_set(&sides[0], paths);
	paths_set(&sides[1], paths);
	for (uint32_t id = 1; id <= paths; id++)
		WAIT_UNTIL(is_agreed(id));
}

static void peer__agrees_on_keys(void **state)
{
	(void)state;
	start_agreed(3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sides[0].held[i].installs, 1);
		assert_int_equal(sides[1].held[i].installs, 2);
		assert_int_equal(sides[0].held[i].resets, 1);
		assert_int_equal(sides[1].held[i].resets, 1);
		assert_int_equal(sides[0].held[i].tx_phase, 0);
		assert_true(peers_has_keys(sides[0].peers, i + 1));
	}
	assert_false(peers_has_keys(sides[0].peers, 4));
	assert_memory_not_equal(sides[0].held[0].tx, sides[0].held[1].tx,
				sizeof(sides[0].held[0].tx));
	for (int i = 0; i < 2; i++) {
		struct peer_status status = status_of(&sides[i]);

		assert_true(status.is_up);
		assert_int_equal(status.path_count, 3);
		assert_int_equal(status.keyed_count, 3);
		assert_string_equal(status.error, "");
		assert_int_equal(sides[i].states, 1);
	}
}

static void peer__over_ipv6(void **state)
{
	(void)state;
	sides[0].address = sides[1].address = "::1";
	start_agreed(1);
}

static void peer__rekeys_at_either_sides_wish(void **state)
{
	(void)state;
	start_agreed(2);
	for (uint8_t round = 1; round < 10; round++) {
		struct side *side = &sides[round % 2];

		peers_rekey(side->peers, 1);
		peers_rekey(side->peers, 1);
		WAIT_UNTIL(is_agreed(1) && sides[0].held[0].tx_phase == round % 4);
		turn_for(2 * MS);
		assert_int_equal(sides[0].held[0].installs, 1 + round);
	}
	assert_int_equal(sides[0].held[0].resets, 1);
	assert_int_equal(sides[1].held[0].resets, 1);
	assert_int_equal(sides[0].held[1].installs, 1);
	peers_rekey(sides[0].peers, 99); /* no such path */
}

static void peer__restart_of_one_makes_new_keys(void **state)
{
	(void)state;
	start_agreed(2);
	for (int i = 0; i < 2; i++) {
		struct key_lane before[PATH_KEYS_LANES];
		struct held *other = &sides[!i].held[0];
		uint32_t resets = other->resets;

		peers_rekey(sides[i].peers, 1);
		WAIT_UNTIL(is_agreed(1) && sides[0].held[0].tx_phase == 1);
		memcpy(before, other->tx, sizeof(before));
		side_restart(&sides[i], 2);
		WAIT_UNTIL(is_agreed(1) && is_agreed(2));
		assert_int_equal(other->resets, resets + 1);
		assert_int_equal(other->tx_phase, 0);
		assert_memory_not_equal(before, other->tx, sizeof(before));
	}
}

static void peer__cut_keeps_keys(void **state)
{
	(void)state;
	start_agreed(2);
	for (int round = 0; round < 3; round++) {
		uint32_t states = sides[0].states;

		assert_int_equal(cut(), 2);
		WAIT_UNTIL(sides[0].states == states + 2 && status_of(&sides[0]).is_up &&
			   status_of(&sides[1]).is_up);
		turn_for(20 * MS);
	}
	assert_int_equal(sides[0].held[0].installs, 1);
	assert_int_equal(sides[1].held[1].installs, 2);
	/* What was wanted meanwhile comes with the next session. */
	assert_int_equal(cut(), 2);
	WAIT_UNTIL(!status_of(&sides[0]).is_up && !status_of(&sides[1]).is_up);
	peers_rekey(sides[0].peers, 1);
	peers_rekey(sides[1].peers, 2);
	WAIT_UNTIL(is_agreed(1) && sides[0].held[0].tx_phase == 1);
	WAIT_UNTIL(is_agreed(2) && sides[0].held[1].tx_phase == 1);
}

/* Cut after more and more turns of an exchange of many paths: wherever that leaves each of them. */
static void peer__cuts_in_the_middle(void **state)
{
	(void)state;
	start_agreed(40);
	for (int turns = 0; turns < 12; turns++) {
		for (uint32_t id = 1; id <= 40; id++)
			peers_rekey(sides[id % 2].peers, id);
		for (int i = 0; i < turns; i++)
			turn();
		cut();
		WAIT_UNTIL(!status_of(&sides[0]).is_up);
		WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	}
	for (uint32_t id = 1; id <= 40; id++) {
		peers_rekey(sides[0].peers, id);
		WAIT_UNTIL(is_agreed(id));
		assert_int_equal(sides[0].held[id - 1].resets, 1);
		assert_int_equal(sides[1].held[id - 1].resets, 1);
	}
}

static void peer__silence_is_death(void **state)
{
	uint64_t begin_ns;

	(void)state;
	start_agreed(1);
	/* Long enough for some heartbeats: none of them ends anything. */
	turn_for(8 * BEAT_NS);
	assert_int_equal(sides[0].states, 1);
	for (int i = 0; i < 2; i++) {
		begin_ns = loop_now_ns(sides[0].loop);
		sides[i].is_frozen = true;
		WAIT_UNTIL(!status_of(&sides[!i]).is_up);
		assert_in_range(loop_now_ns(sides[0].loop) - begin_ns, 4 * BEAT_NS, 40 * BEAT_NS);
		assert_string_equal(status_of(&sides[!i]).error, "is silent");
		sides[i].is_frozen = false;
		WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
		turn_for(8 * BEAT_NS);
		WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	}
	assert_int_equal(sides[0].held[0].installs, 1);
	assert_true(is_agreed(1));
}

static void peer__wrong_pin_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		strcpy(sides[i].pin, INTENT_SAMPLE_CERTIFICATE);
		paths_set(&sides[0], 1);
		paths_set(&sides[1], 1);
		/* Of the other one the dialler is told that it is not accepted. */
		WAIT_UNTIL(strstr(status_of(&sides[0]).error,
				  i ? "refuses our certificate" : "not the one that control pins"));
		turn_for(400 * MS);
		assert_int_equal(sides[0].held[0].installs + sides[1].held[0].installs, 0);
		assert_false(status_of(&sides[0]).is_up || status_of(&sides[1]).is_up);
		strcpy(sides[i].pin, sides[!i].certificate.sha256);
	}
	start_agreed(1);
	/* And one that was right becomes wrong: the session ends, the keys stay. */
	strcpy(sides[1].pin, INTENT_SAMPLE_CERTIFICATE);
	paths_set(&sides[1], 1);
	assert_false(status_of(&sides[1]).is_up);
	assert_string_equal(status_of(&sides[1]).error, "control pins another certificate");
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "refuses our certificate"));
	assert_true(is_agreed(1));
	strcpy(sides[1].pin, sides[0].certificate.sha256);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	turn_for(20 * MS);
	assert_int_equal(sides[0].held[0].installs, 1);
}

/* What an authority issued for a gateway: the paths of the files. */
struct issued {
	char ca[600], cert[600], key[600];
	struct tls_files files;
};

static void issue(struct issued *issued, const char *dir, enum identity_role role, const char *name)
{
	struct pki_request request = {.identity.role = role, .days = 1};
	char path[PKI_PATH_BYTES], error[PKI_ERROR_BYTES];

	strcpy(request.identity.name, name);
	if (pki_issue(dir, &request, path, error))
		fail_msg("%s", error);
	snprintf(issued->ca, sizeof(issued->ca), "%s/ca.crt", dir);
	snprintf(issued->cert, sizeof(issued->cert), "%.500s.crt", path);
	snprintf(issued->key, sizeof(issued->key), "%.500s.key", path);
	issued->files = (struct tls_files){issued->ca, issued->cert, issued->key};
}

static void authority_make(char dir[64], const char *name)
{
	char error[PKI_ERROR_BYTES];

	snprintf(dir, 64, "%.40s/%s", state_dir, name);
	if (pki_create(dir, "dc", 1, error))
		fail_msg("%s", error);
}

static void authority_remove(const char *dir)
{
	static const char *const names[] = {"ca", "gateway-gw-a", "gateway-gw-b", "gateway-gw-c",
					    "admin-gw-b"};
	char path[128];

	for (size_t i = 0; i < 2 * sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s%s", dir, names[i / 2], i % 2 ? ".key" : ".crt");
		unlink(path);
	}
	rmdir(dir);
}

/* The side begins anew with a certificate of that authority. */
static void side_issue(struct side *side, struct issued *issued, const char *dir)
{
	char error[256];

	peers_destroy(side->peers);
	certificate_close(&side->certificate);
	issue(issued, dir, ROLE_GATEWAY, side->name);
	if (certificate_open_issued(&side->certificate, &issued->files, side->name, error,
				    sizeof(error)))
		fail_msg("%s", error);
	side_start(side, side->name);
}

static void peer__authority_counts_not_the_pin(void **state)
{
	char dir[64], far_dir[64];
	struct issued issued[2], renewed;

	(void)state;
	authority_make(dir, "pki");
	authority_make(far_dir, "far");
	for (int i = 0; i < 2; i++) {
		side_issue(&sides[i], &issued[i], dir);
		/* Control may say what it likes. */
		strcpy(sides[i].pin, INTENT_SAMPLE_CERTIFICATE);
	}
	start_agreed(1);
	/* Renewed files count for the next session, and keys stay meanwhile. */
	issue(&renewed, dir, ROLE_GATEWAY, "gw-a");
	peers_rekey(sides[0].peers, 1);
	turn_for(20 * MS);
	assert_true(is_agreed(1));
	/* Somebody else's authority: refused at both ends. */
	side_issue(&sides[1], &issued[1], far_dir);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "certificate that is not accepted"));
	assert_false(status_of(&sides[1]).is_up);
	side_issue(&sides[1], &issued[1], dir);
	memset(sides[1].held, 0, sizeof(sides[1].held));
	start_agreed(1);
	authority_remove(dir);
	authority_remove(far_dir);
}

static void peer__authority_names_another(void **state)
{
	struct issued issued[2], other;
	struct certificate foreign;
	char dir[64], error[256];

	(void)state;
	authority_make(dir, "pki");
	/* A gateway does not even start with what is not its own. */
	issue(&other, dir, ROLE_GATEWAY, "gw-c");
	assert_int_equal(
		certificate_open_issued(&foreign, &other.files, "gw-a", error, sizeof(error)),
		-EINVAL);
	assert_non_null(strstr(error, "not gateway gw-a"));
	for (int i = 0; i < 2; i++)
		side_issue(&sides[i], &issued[i], dir);
	/* One who got hold of another name's certificate, or of one that is no gateway's. */
	for (int i = 0; i < 2; i++) {
		issue(&other, dir, i ? ROLE_ADMIN : ROLE_GATEWAY, i ? "gw-b" : "gw-c");
		sides[1].certificate.files = other.files;
		paths_set(&sides[0], 1);
		paths_set(&sides[1], 1);
		WAIT_UNTIL(strstr(status_of(&sides[0]).error,
				  i ? "not accepted" : "certificate of gateway gw-c"));
		assert_int_equal(sides[0].held[0].installs + sides[1].held[0].installs, 0);
	}
	sides[1].certificate.files = issued[1].files;
	start_agreed(1);
	authority_remove(dir);
}

static void peer__another_gateways_name_is_refused(void **state)
{
	(void)state;
	peers_destroy(sides[1].peers);
	side_start(&sides[1], "gw-c");
	paths_set(&sides[0], 1);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "but is gateway gw-c"));
	assert_int_equal(sides[0].held[0].installs, 0);
}

static void peer__paths_come_and_go_in_any_order(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		start_agreed(1);
		paths_set(&sides[first], 3);
		turn_for(30 * MS);
		assert_int_equal(sides[first].held[2].has_tx, false);
		paths_set(&sides[!first], 3);
		WAIT_UNTIL(is_agreed(2) && is_agreed(3));
		assert_int_equal(sides[0].held[0].installs, 1 + first);
		/* Made anew at one end: a new incarnation, a reset at both. */
		paths_set(&sides[first], 1);
		turn_for(5 * MS);
		sides[first].incarnation += 1000;
		paths_set(&sides[first], 3);
		turn_for(5 * MS);
		WAIT_UNTIL(is_agreed(1) && is_agreed(2) && is_agreed(3));
		assert_int_equal(sides[0].held[2].resets, 2);
		assert_int_equal(sides[1].held[2].resets, 2);
		assert_true(status_of(&sides[0]).is_up);
		/* None left: no session, nobody listens. */
		paths_set(&sides[0], 0);
		paths_set(&sides[1], 0);
		assert_false(peers_status(sides[0].peers, 0, &(struct peer_status){0}));
		turn_for(5 * MS);
		assert_int_equal(cut(), 0);
		memset(sides[0].held, 0, sizeof(sides[0].held));
		memset(sides[1].held, 0, sizeof(sides[1].held));
		sides[0].held[0].installs = 1;
		sides[first].incarnation += 1000;
	}
}

static int stranger_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(0x7f000002);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

static bool is_closed(int fd)
{
	char byte[64];
	ssize_t got;

	do
		got = recv(fd, byte, sizeof(byte), MSG_DONTWAIT);
	while (got > 0);
	return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void peer__strangers_do_no_harm(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	int silent[64], loud;

	(void)state;
	paths_set(&sides[1], 1);
	turn();
	loud = stranger_connect();
	assert_true(loud >= 0);
	assert_int_equal(send(loud, text, sizeof(text), MSG_NOSIGNAL), sizeof(text));
	WAIT_UNTIL(is_closed(loud));
	close(loud);
	/* Those that say nothing are let go when their time is over, too many at once. */
	for (int i = 0; i < 64; i++) {
		silent[i] = stranger_connect();
		assert_true(silent[i] >= 0);
		turn();
	}
	for (int i = 0; i < 64; i++) {
		WAIT_UNTIL(is_closed(silent[i]));
		close(silent[i]);
	}
	start_agreed(1);
}

/* A dialler that has the right certificate and says these bytes; never returns. */
static void impostor(const char *text, size_t len)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	int fd = stranger_connect();
	SSL *ssl = SSL_new(tls);
	char byte;

	SSL_use_certificate(ssl, sides[0].certificate.x509);
	SSL_use_PrivateKey(ssl, sides[0].certificate.key);
	SSL_set_fd(ssl, fd);
	if (fd < 0 || SSL_connect(ssl) != 1 || SSL_write(ssl, text, (int)len) != (int)len)
		_exit(1);
	while (SSL_read(ssl, &byte, 1) > 0)
		;
	_exit(0);
}

static void peer__says_what_it_must_not(void **state)
{
#define HELLO "{\"type\":\"hello\",\"version\":1,\"gateway\":\"gw-a\",\"boot\":1}\n"
	static char endless[70000];
	static const struct {
		const char *text, *error;
	} table[] = {
		{"{\"type\":\"alive\"}\n", NULL},
		{"no JSON\n", NULL},
		{HELLO HELLO, "it did not begin with one hello"},
		{HELLO "{\"type\":\"offer\"}\n", "sent what is no message: id is no number"},
		{HELLO, "sent a line of more than 65536 bytes"},
	};

	(void)state;
	paths_set(&sides[1], 1);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].text);
		int status;
		pid_t child;

		memset(endless, ' ', sizeof(endless));
		memcpy(endless, table[i].text, len);
		child = fork();
		if (!child)
			impostor(endless, i == 4 ? sizeof(endless) : len);
		WAIT_UNTIL(waitpid(child, &status, WNOHANG) == child);
		assert_int_equal(status, 0);
		turn_for(5 * MS);
		assert_false(status_of(&sides[1]).is_up);
		if (table[i].error &&
		    strncmp(status_of(&sides[1]).error, table[i].error, strlen(table[i].error)))
			fail_msg("\"%s\", not \"%s\"", status_of(&sides[1]).error, table[i].error);
	}
	start_agreed(1);
}

static void peer__address_comes_late(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	/* Taken by another process for now; and the dialler's address is not there at all. */
	address.sin_addr.s_addr = htonl(0x7f000002);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	sides[0].address = "192.0.2.1";
	paths_set(&sides[0], 1);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "cannot dial from 192.0.2.1"));
	turn_for(3 * BEAT_NS);
	sides[0].address = "127.0.0.1";
	close(fd);
	start_agreed(1);
}

static void peer__many_paths(void **state)
{
	uint64_t begin_ns = loop_now_ns(sides[0].loop);

	(void)state;
	start_agreed(PATHS_MAX);
	printf("%d paths agreed in %.1f ms\n", PATHS_MAX,
	       (double)(loop_now_ns(sides[0].loop) - begin_ns) / 1e6);
	for (uint32_t id = 1; id <= PATHS_MAX; id++)
		assert_int_equal(sides[0].held[id - 1].installs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peer__agrees_on_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__over_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__rekeys_at_either_sides_wish, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__restart_of_one_makes_new_keys, setup,
						teardown),
		cmocka_unit_test_setup_teardown(peer__cut_keeps_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__cuts_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__silence_is_death, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__wrong_pin_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__authority_counts_not_the_pin, setup,
						teardown),
		cmocka_unit_test_setup_teardown(peer__authority_names_another, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__another_gateways_name_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(peer__paths_come_and_go_in_any_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(peer__strangers_do_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__says_what_it_must_not, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__address_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(peer__many_paths, setup, teardown),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}

#include "tests/glue/peer_rig.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct side sides[2];
char state_dir[64];
uint16_t port;

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

bool is_agreed(uint32_t id)
{
	return matches(id, 0) && matches(id, 1) &&
	       sides[0].held[id - 1].tx_phase == sides[1].held[id - 1].tx_phase;
}

void turn(void)
{
	for (int i = 0; i < 2; i++)
		if (!sides[i].is_frozen)
			assert_int_equal(loop_turn(sides[i].loop, MS), 0);
}

void turn_for(uint64_t ns)
{
	uint64_t end_ns = loop_now_ns(sides[0].loop) + ns;

	while (loop_now_ns(sides[0].loop) < end_ns)
		turn();
}

void side_start(struct side *side, const char *name)
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

void paths_set(struct side *side, uint32_t count)
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

void side_restart(struct side *side, uint32_t paths)
{
	peers_destroy(side->peers);
	memset(side->held, 0, sizeof(side->held));
	side_start(side, side->name);
	paths_set(side, paths);
}

struct peer_status status_of(const struct side *side)
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

int cut(void)
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

int setup(void **state)
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

int teardown(void **state)
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

void start_agreed(uint32_t paths)
{
	paths_set(&sides[0], paths);
	paths_set(&sides[1], paths);
	for (uint32_t id = 1; id <= paths; id++)
		WAIT_UNTIL(is_agreed(id));
}

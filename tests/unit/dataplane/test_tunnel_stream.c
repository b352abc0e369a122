#include "tests/unit/dataplane/tunnel_ends.h"

/* ---- both ends and a bad WAN, over the wraps of all numbers ---- */

#define FLOWS	5
#define STREAM	4000
#define IN_WIRE 64

static struct {
	struct packet packets[IN_WIRE];
	bool is_to_a[IN_WIRE];
	uint32_t count;
	uint32_t next_of[FLOWS]; /* the number that its flow delivers next */
	uint32_t sent_of[FLOWS];
	uint32_t delivered, acked;
} wan;

static void wire_put(const struct packet *packet, bool is_to_a)
{
	if (rand() % 10 == 0 || wan.count == IN_WIRE)
		return;
	wan.is_to_a[wan.count] = is_to_a;
	wan.packets[wan.count++] = *packet;
}

static void wire_take(void)
{
	uint32_t at = rand() % 4 ? 0 : (uint32_t)rand() % wan.count;
	struct packet packet = wan.packets[at];
	bool is_to_a = wan.is_to_a[at], is_replay;
	struct tunnel *t = is_to_a ? &a : &b;
	uint64_t out[SLOTS];

	if (rand() % 10) {
		memmove(&wan.packets[at], &wan.packets[at + 1],
			(wan.count - at - 1) * sizeof(packet));
		memmove(&wan.is_to_a[at], &wan.is_to_a[at + 1], (wan.count - at - 1));
		wan.count--;
	}
	if (!tunnel_may_open(t, &packet.header, &is_replay))
		return;
	assert_true(tunnel_on_packet(t, &packet.header, now));
	if (packet.is_data)
		tunnel_on_data(t, &packet.data, packet.data.frag_offset, 0, now);
	else if (packet.ack_len == WIRE_PING_BYTES)
		tunnel_on_ping(t, bytes_load64(packet.ack + 8));
	else {
		struct wire_ack ack = ack_of(&packet);

		wan.acked += tunnel_on_ack(t, &ack, now, out, SLOTS);
	}
}

/* The payload is only its number within its flow, which travels as the fragment's offset. */
static void stream_send(uint32_t *sent)
{
	uint32_t flow = (uint32_t)rand() % FLOWS;
	struct tunnel_unit unit = {.frag_count = 1, .class = (uint8_t)flow};
	struct packet packet;

	if (*sent == STREAM || tunnel_may_send(&a, 1, 0, now) != TUNNEL_GO)
		return;
	unit.frag_offset = (uint16_t)wan.sent_of[flow]++;
	packet = send_unit(&a, unit, flow);
	wire_put(&packet, false);
	++*sent;
}

static void stream_poll(struct tunnel *t)
{
	uint32_t wants = tunnel_poll(t, now), copies;
	struct packet packet = {.is_data = true};
	struct tunnel_unit unit;

	while (tunnel_repair(t, now, &unit, &packet.data, &copies))
		for (; copies; copies--) {
			packet.header = header_of(t);
			wire_put(&packet, t == &b);
		}
	if (wants & TUNNEL_WANTS_ACK) {
		packet = ack_make(t);
		wire_put(&packet, t == &b);
	}
	if (wants & TUNNEL_WANTS_PING) {
		packet = (struct packet){.ack_len = tunnel_ping_write(t, now, packet.ack)};
		bytes_store64(packet.ack + 8, t->tx.next);
		packet.header = header_of(t);
		wire_put(&packet, t == &b);
	}
}

static void stream_deliver(void)
{
	struct tunnel_unit unit;
	bool is_broken;

	while (rand() % 8 && tunnel_ready(&b, &unit, &is_broken)) {
		assert_false(is_broken);
		assert_int_equal(unit.frag_offset, wan.next_of[unit.class]++);
		tunnel_delivered(&b, &unit, false);
		wan.delivered++;
	}
}

/* Other windows for one end: limits go up and down, slots only up. */
static void resize(struct tunnel *t)
{
	struct tunnel_sizes sizes = t->config.sizes;
	void *memory, *before;

	if (sizes.tx_slots < 4 * SLOTS && rand() % 3 == 0)
		sizes.tx_slots *= 2;
	if (sizes.rx_slots < 4 * SLOTS && rand() % 3 == 0)
		sizes.rx_slots *= 2;
	if (sizes.replay_bits < 8 * REPLAY_BITS_MIN && rand() % 3 == 0)
		sizes.replay_bits *= 2;
	sizes.retain_packets = 40 + (uint32_t)rand() % (sizes.tx_slots - 40);
	sizes.rx_buffers = 40 + (uint32_t)rand() % (sizes.rx_slots - 40);
	memory = aligned_alloc(64, (tunnel_memory(&sizes) + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, rand() % 256, tunnel_memory(&sizes));
	tunnel_prepare(&sizes, memory);
	before = tunnel_resize(t, &sizes, memory);
	assert_non_null(before);
	memset(before, 0xa5, 64); /* nobody reads it any more; ASan sees the rest */
	free(before);
}

/* 4,000 units from a to b; each turn one end in `resizes` gets other windows. */
static void stream_run(uint64_t first, unsigned int seed, int resizes)
{
	uint32_t sent = 0;

	end(NULL);
	begin_at(first);
	memset(&wan, 0, sizeof(wan));
	srand(seed);
	/* Their clocks are us that wrap within the test. */
	now = ((1ull << 32) - 10000) * US;
	for (int turn = 0; turn < 2000000 && wan.acked < STREAM; turn++) {
		now += (uint64_t)rand() % (20 * US);
		stream_send(&sent);
		stream_poll(&a);
		stream_poll(&b);
		for (int k = rand() % 4; k && wan.count; k--)
			wire_take();
		stream_deliver();
		if (resizes && rand() % resizes == 0)
			resize(rand() % 2 ? &a : &b);
	}
	assert_int_equal(wan.acked, STREAM);
	while (wan.delivered < STREAM)
		stream_deliver();
	assert_int_equal(tunnel_retained(&a) + tunnel_held(&b), 0);
	assert_int_equal(b.stats.refused + b.stats.disordered + a.stats.acks_invalid, 0);
	assert_int_equal(b.stats.pings_invalid, 0);
	assert_true(a.stats.resent > 0 && b.stats.duplicates > 0);
}

static const uint64_t firsts[] = {0, (1ull << 32) - 900, (1ull << 31) - 900, (1ull << 63) - 900,
				  512 * 77 + 13};

static void tunnel__exactly_once_in_order_wherever_it_starts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
		stream_run(firsts[i], (unsigned int)i + 1, 0);
}

/* Whatever is under way when windows change stays under way: nothing lost, doubled or overtaken. */
static void tunnel__exactly_once_in_order_whatever_is_resized(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
		for (unsigned int seed = 1; seed <= 4; seed++)
			stream_run(firsts[i], seed, seed == 4 ? 5 : 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tunnel__exactly_once_in_order_wherever_it_starts),
		TEST(tunnel__exactly_once_in_order_whatever_is_resized),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

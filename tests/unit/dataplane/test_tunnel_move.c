#include "tests/unit/dataplane/tunnel_ends.h"

/*
 * Two ends and two links, each with a delay of its own and no jitter, in virtual time: a sends a
 * unit each 10 us, b acknowledges as it wishes, and either moves when the test says so.
 */

#define LINKS	3 /* 1 and 2 */
#define GAP	(10 * US)
#define IN_WIRE 2048

static struct {
	struct packet packets[IN_WIRE];
	uint64_t due[IN_WIRE];
	bool is_to_a[IN_WIRE];
	uint32_t count;
	uint64_t delay[LINKS];
	bool is_cut[LINKS];
	uint8_t link[2]; /* that a and b send by */
	uint32_t delivered, acked;
	uint32_t queue_us_max; /* as b tells a */
} wan;

static void wire_put(struct tunnel *t, struct packet *packet)
{
	uint8_t link = wan.link[t == &b];

	packet->header.link = link;
	if (wan.is_cut[link])
		return;
	assert_true(wan.count < IN_WIRE);
	wan.is_to_a[wan.count] = t == &b;
	wan.due[wan.count] = now + wan.delay[link];
	wan.packets[wan.count++] = *packet;
}

static void arrive(struct tunnel *t, const struct packet *packet)
{
	uint64_t out[SLOTS];
	bool is_replay;
	struct wire_ack ack;

	assert_true(tunnel_may_open(t, &packet->header, &is_replay));
	assert_true(tunnel_on_packet(t, &packet->header, now));
	if (packet->is_data) {
		if (tunnel_on_data(t, &packet->data, packet->data.seq, 0, now) == TUNNEL_HELD)
			wan.delivered += deliver_all(t);
	} else if (packet->ack_len == WIRE_PING_BYTES) {
		tunnel_on_ping(t, bytes_load64(packet->ack + 8));
	} else {
		ack = ack_of(packet);
		if (ack.queue_us > wan.queue_us_max)
			wan.queue_us_max = ack.queue_us;
		wan.acked += tunnel_on_ack(t, &ack, now, out, SLOTS);
	}
}

/* What is due, by each link in its order. */
static void wire_run(void)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < wan.count; i++) {
		if (wan.due[i] <= now) {
			arrive(wan.is_to_a[i] ? &a : &b, &wan.packets[i]);
			continue;
		}
		wan.packets[kept] = wan.packets[i];
		wan.is_to_a[kept] = wan.is_to_a[i];
		wan.due[kept++] = wan.due[i];
	}
	wan.count = kept;
}

static void poll_end(struct tunnel *t)
{
	uint32_t wants = tunnel_poll(t, now), copies;
	struct packet packet = {.is_data = true};
	struct tunnel_unit unit;

	while (tunnel_repair(t, now, &unit, &packet.data, &copies))
		for (; copies; copies--) {
			packet.header = header_of(t);
			wire_put(t, &packet);
		}
	if (wants & TUNNEL_WANTS_ACK) {
		packet = ack_make(t);
		wire_put(t, &packet);
	}
	if (wants & TUNNEL_WANTS_PING) {
		packet = (struct packet){.ack_len = tunnel_ping_write(t, now, packet.ack)};
		bytes_store64(packet.ack + 8, t->tx.next);
		packet.header = header_of(t);
		wire_put(t, &packet);
	}
}

static void run(uint64_t ns)
{
	struct packet packet;

	for (uint64_t until = now + ns; now < until; now += GAP) {
		wire_run();
		poll_end(&a);
		poll_end(&b);
		if (tunnel_may_send(&a, 1, LEN, now) != TUNNEL_GO)
			continue;
		packet = send_one(&a, (uint32_t)a.tx.next % 7);
		wire_put(&a, &packet);
	}
}

static void links_begin(uint64_t first_ns, uint64_t second_ns)
{
	memset(&wan, 0, sizeof(wan));
	wan.delay[1] = first_ns;
	wan.delay[2] = second_ns;
	wan.link[0] = wan.link[1] = 1;
	run(30 * MS);
}

static void move(struct tunnel *t, uint8_t link, uint64_t rtt_ns)
{
	wan.link[t == &b] = link;
	tunnel_move(t, rtt_ns, now);
}

/* Nothing new; all that was sent has arrived in the end. */
static void finish(void)
{
	for (uint64_t until = now + 2000 * MS; now < until && tunnel_retained(&a); now += GAP) {
		wire_run();
		poll_end(&a);
		poll_end(&b);
	}
	assert_int_equal(tunnel_retained(&a) + tunnel_held(&b), 0);
	assert_int_equal(wan.delivered, a.tx.next);
	assert_int_equal(wan.acked, a.tx.next);
	assert_int_equal(a.stats.acks_invalid + b.stats.refused + b.stats.disordered, 0);
}

static const struct {
	uint64_t first_ns, second_ns;
} pairs[] = {{500 * US, 500 * US}, {2 * MS, 100 * US}, {100 * US, 2 * MS}, {1 * MS, 900 * US}};

/* Neither end moves at the same time as the other, and there is no loss: so nothing goes twice. */
static void tunnel_move__repairs_nothing_that_was_overtaken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (int who_first = 0; who_first < 2; who_first++) {
			uint64_t round = 2 * pairs[i].second_ns;

			end(NULL);
			begin(NULL);
			links_begin(pairs[i].first_ns, pairs[i].second_ns);
			move(who_first ? &b : &a, 2, round);
			run(7 * MS);
			move(who_first ? &a : &b, 2, round);
			run(10 * MS);
			assert_int_equal(a.stats.resent, 0);
			assert_int_equal(b.stats.duplicates, 0);
			/* What is measured is the new link alone. */
			assert_true(rtt_smoothed(&a.rtt) >= round);
			assert_true(rtt_smoothed(&a.rtt) <= round + 100 * US);
			assert_true(rtt_min(&a.rtt) >= round);
			assert_true(wan.queue_us_max <= 2 * GAP / US);
			finish();
		}
}

/* The link before is cut with a window under way on it: all of it goes again, once. */
static void tunnel_move__repairs_what_a_dead_link_had(void **state)
{
	uint64_t under_way, resent;

	(void)state;
	links_begin(1 * MS, 500 * US);
	wan.is_cut[1] = true;
	run(3 * MS);
	under_way = tunnel_retained(&a);
	assert_true(under_way > 100);
	move(&a, 2, 1 * MS);
	move(&b, 2, 1 * MS);
	run(20 * MS);
	resent = a.stats.resent;
	assert_true(resent >= under_way / 2 && resent <= under_way + 10);
	finish();
	assert_int_equal(a.stats.resent, resent);
}

/* A straggler of the link before says nothing of this one, nor takes the lane back. */
static void tunnel_on_packet__stragglers(void **state)
{
	struct packet packets[4], ack;

	(void)state;
	ack_back();
	for (int i = 0; i < 4; i++) {
		packets[i] = send_one(&a, 1);
		packets[i].header.link = i < 2 ? 1 : 2;
		now += MS;
	}
	receive_data(&b, &packets[0], 0);
	receive_data(&b, &packets[2], 2);
	assert_int_equal(b.rx_link, 2);
	assert_int_equal(b.largest_packet, packets[2].header.packet_number);
	now += 100 * MS;
	receive_data(&b, &packets[1], 1);
	assert_int_equal(b.rx_link, 2);
	assert_int_equal(b.largest_packet, packets[2].header.packet_number);
	ack = ack_make(&b);
	assert_int_equal(ack_of(&ack).queue_us, 0);
	receive_data(&b, &packets[3], 3);
	assert_int_equal(b.largest_packet, packets[3].header.packet_number);
	assert_int_equal(deliver_all(&b), 4);
}

/* A probe over another link moves nothing, though its number is the newest; and comes once. */
static void tunnel_on_probe__moves_nothing(void **state)
{
	struct packet packet;
	struct wire_header probe;
	uint64_t before;

	(void)state;
	ack_back();
	packet = send_one(&a, 1);
	packet.header.link = 1;
	receive_data(&b, &packet, 0);
	before = b.largest_packet;
	probe = header_of(&a);
	probe.link = 2;
	assert_true(tunnel_on_probe(&b, &probe, now));
	assert_false(tunnel_on_probe(&b, &probe, now));
	assert_int_equal(b.stats.replayed, 1);
	assert_int_equal(b.rx_link, 1);
	assert_int_equal(b.largest_packet, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tunnel_move__repairs_nothing_that_was_overtaken),
		TEST(tunnel_move__repairs_what_a_dead_link_had),
		TEST(tunnel_on_packet__stragglers),
		TEST(tunnel_on_probe__moves_nothing),
	};

	return cmocka_run_group_tests_name("tunnel_move", tests, NULL, NULL);
}

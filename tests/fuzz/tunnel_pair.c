#include "tests/fuzz/tunnel_pair.h"

#include "tests/fuzz/tunnel_side.h"
#include "tests/fuzz/tunnel_shape.h"

#define ROUNDS_MAX 20000u
#define ONE_WAY_NS 5000000u

static struct side sides[2];

/* ---- what the input does ---- */

static struct side *side_pick(struct input *in)
{
	return &sides[input_u8(in) & 1];
}

static void on_send(struct side *s, struct input *in)
{
	uint32_t count = 1 + input_u8(in) % 128, pieces = input_u8(in) % 8;
	uint8_t bucket = input_u8(in);

	for (uint32_t i = 0; i < count; i++)
		if (!side_send(s, (bucket & 0x80 ? bucket + i : bucket) % SIDE_BUCKETS,
			       pieces < 5 ? 1 : pieces))
			return;
}

static void on_repair(struct side *s, struct input *in)
{
	side_repair(s, input_u8(in));
}

static void on_poll(struct side *s, struct input *in)
{
	(void)in;
	side_control(s);
}

/* Some of what is under way arrives, in order; a bit for each of eight: it is lost instead. */
static void on_arrive(struct side *s, struct input *in)
{
	uint32_t lost = input_u8(in), n = input_u8(in);

	for (uint32_t i = 0; i < n && s->out.count; i++) {
		if (!(lost >> (i & 7) & 1))
			side_packet_arrive(s, 0);
		side_packet_remove(s, 0);
	}
}

/* One overtakes others, or a copy of it does. */
static void on_overtake(struct side *s, struct input *in)
{
	uint32_t at = input_u8(in), how = input_u8(in);

	if (!s->out.count)
		return;
	at %= s->out.count;
	side_packet_arrive(s, at);
	if (how & 1)
		side_packet_remove(s, at);
}

static void on_time(struct side *s, struct input *in)
{
	static const uint64_t steps[] = {1000, 60000, ONE_WAY_NS, 110000000, 3000000000};
	uint64_t step = steps[input_u8(in) % 5] * (1 + input_u8(in) % 16);

	(void)s;
	for (uint32_t i = 0; i < 2; i++) {
		sides[i].end.now += step;
		keys_poll(&sides[i].end.t.keys, sides[i].end.now);
	}
}

static void on_deliver(struct side *s, struct input *in)
{
	for (uint32_t n = input_u8(in); n && side_deliver(s); n--)
		end_check(&s->end);
}

static void on_rekey(struct side *s, struct input *in)
{
	(void)in;
	side_rekey(s);
}

/* ---- what must come of it ---- */

/* What a worker does in a turn; true: something was to be done. */
static bool turn(struct side *s)
{
	bool has_worked = false;

	if (keys_wants_rekey(&s->end.t.keys, s->end.now))
		side_rekey(s);
	keys_poll(&s->end.t.keys, s->end.now);
	while (side_deliver(s))
		has_worked = true;
	has_worked |= side_repair(s, SIDE_QUEUE / 4);
	has_worked |= side_control(s);
	end_check(&s->end);
	side_check(s);
	return has_worked;
}

static void time_pass(uint64_t ns)
{
	sides[0].end.now += ns;
	sides[1].end.now += ns;
}

/* Nothing to do and nothing under way: the next deadline. False: there is none. */
static bool time_skip(void)
{
	uint64_t now = sides[0].end.now;
	uint64_t a = tunnel_deadline(&sides[0].end.t);
	uint64_t b = tunnel_deadline(&sides[1].end.t);
	uint64_t due = a < b ? a : b;

	if (due == UINT64_MAX)
		return false;
	check(due > now);
	time_pass(due - now);
	return true;
}

/* What was sent arrives, in order and in time. */
static void network_turn(void)
{
	static const uint8_t all[] = {0, UINT8_MAX};

	time_pass(ONE_WAY_NS);
	for (uint32_t i = 0; i < 2; i++) {
		struct input in = {.at = all, .end = all + 2};

		on_arrive(&sides[i], &in);
	}
}

/* Both ends and the network, once. False: there is nothing to do any more, ever. */
static bool step(void)
{
	bool has_worked = turn(&sides[0]);

	has_worked |= turn(&sides[1]);
	if (sides[0].out.count || sides[1].out.count)
		network_turn();
	else if (!has_worked)
		return time_skip();
	return true;
}

/* The network is good: all arrives, and then both ends are silent. */
static void settle(void)
{
	for (uint32_t round = 0; step(); round++)
		check(round < ROUNDS_MAX);
	check(side_is_done(&sides[0]) && side_is_done(&sides[1]));
}

/* What a lane must still be able to do; it asks for credit by itself. */
static void send_some_more(struct side *s)
{
	const struct tunnel_sizes *from = &s->end.t.config.sizes;
	const struct tunnel_sizes *to = &s->peer->end.t.config.sizes;

	if (!from->tx_slots || from->retain_bytes < SIDE_PIECE_BYTES ||
	    to->rx_bytes < SIDE_PIECE_BYTES)
		return;
	for (uint32_t i = 0; i < 4; i++) {
		if (ledger_is_full(&s->end.ledger, 4) || ledger_is_full(&s->peer->end.ledger, 4096))
			return;
		for (uint32_t round = 0; !side_send(s, i & 1, 1); round++)
			check(step() && round < ROUNDS_MAX);
	}
	settle();
}

/* Where one end cannot receive, the other one does not send. */
static void configs_match(struct tunnel_config configs[2])
{
	configs[1].first_seq = configs[0].first_seq;
	for (uint32_t i = 0; i < 2; i++)
		if (!configs[!i].sizes.rx_slots)
			configs[i].sizes.tx_slots = configs[i].sizes.retain_packets = 0;
}

void tunnel_pair_run(struct input *in)
{
	static void (*const ops[])(struct side *, struct input *) = {
		on_send, on_repair, on_poll, on_arrive, on_overtake, on_time, on_deliver, on_rekey,
	};
	struct tunnel_config configs[2];

	tunnel_shape(in, &configs[0]);
	tunnel_shape(in, &configs[1]);
	configs_match(configs);
	side_init(&sides[0], &sides[1], &configs[0]);
	side_init(&sides[1], &sides[0], &configs[1]);
	side_rekey(&sides[0]);
	side_rekey(&sides[1]);
	while (!input_is_empty(in)) {
		uint8_t op = input_u8(in);
		struct side *s = side_pick(in);

		if (op >= 0xf8)
			side_move(s, (uint64_t)(1 + (op & 7)) * ONE_WAY_NS);
		else
			ops[op & 7](s, in);
		end_check(&sides[0].end);
		end_check(&sides[1].end);
		side_check(s);
	}
	settle();
	send_some_more(&sides[0]);
	send_some_more(&sides[1]);
	end_free(&sides[0].end);
	end_free(&sides[1].end);
}

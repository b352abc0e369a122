#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "dataplane/core/key_exchange.h"

#define QUEUE_MAX 64

/* A derived secret: the same at both ends only from the same session, pair and counter. */
struct secret {
	uint32_t session, counter;
	struct key_pair pair;
};

/* One end: the machine, and a fast path that does what path_keys.h says. */
struct end {
	struct key_exchange kx;
	struct secret held, tx, rx[2];
	uint32_t rx_count;
	bool has_held, has_tx;
	struct key_message queue[QUEUE_MAX]; /* on the way to this end */
	uint32_t queued;
};

struct world {
	struct end ends[2]; /* client, server */
	bool is_up;
	uint32_t session;
	uint64_t next_incarnation;
	uint32_t installs; /* for receiving, at the client */
};

static bool secret_is(const struct secret *a, const struct secret *b)
{
	return a->session == b->session && a->counter == b->counter &&
	       a->pair.client == b->pair.client && a->pair.server == b->pair.server;
}

static void keys_clear(struct end *end)
{
	end->has_held = end->has_tx = false;
	end->rx_count = 0;
}

static void rx_install(struct end *end)
{
	struct secret kept[2];
	uint32_t count = 0;

	for (uint32_t i = 0; i < end->rx_count; i++)
		if (end->has_tx && secret_is(&end->rx[i], &end->tx))
			kept[count++] = end->rx[i];
	assert_true(count <= 1);
	/* The phase of the new one must not be that of the one in use. */
	if (count)
		assert_int_not_equal(KEY_PHASE(kept[0].counter), KEY_PHASE(end->held.counter));
	kept[count++] = end->held;
	memcpy(end->rx, kept, sizeof(kept));
	end->rx_count = count;
}

static void install(struct world *world, uint32_t side, const struct key_action *action)
{
	struct end *end = &world->ends[side];

	assert_true(end->has_held);
	assert_true(secret_is(&end->held, &(struct secret){.session = end->held.session,
							   .counter = action->counter,
							   .pair = action->pair}));
	if (action->reset) {
		assert_true(action->rx);
		end->has_tx = false;
		end->rx_count = 0;
	}
	if (action->rx)
		rx_install(end);
	if (action->tx) {
		end->tx = end->held;
		end->has_tx = true;
	}
	world->installs += side == 0;
}

static void act(struct world *world, uint32_t side, const struct key_action *actions, int count)
{
	struct end *end = &world->ends[side], *far = &world->ends[!side];

	assert_true(count >= 0 && count <= KEY_EXCHANGE_ACTIONS_MAX);
	for (int i = 0; i < count; i++) {
		switch (actions[i].type) {
		case KEY_SEND:
			assert_true(world->is_up);
			assert_true(far->queued < QUEUE_MAX);
			far->queue[far->queued++] = actions[i].message;
			break;
		case KEY_DERIVE:
			assert_true(world->is_up);
			end->held = (struct secret){.session = world->session,
						    .counter = actions[i].counter,
						    .pair = actions[i].pair};
			end->has_held = true;
			break;
		case KEY_INSTALL:
			install(world, side, &actions[i]);
			break;
		}
	}
}

static bool deliver(struct world *world, uint32_t side)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct end *end = &world->ends[side];
	struct key_message message = end->queue[0];
	int count;

	if (!end->queued)
		return false;
	memmove(end->queue, end->queue + 1, --end->queued * sizeof(message));
	count = key_exchange_on_message(&end->kx, &message, actions);
	assert_true(count >= 0);
	act(world, side, actions, count);
	return true;
}

static void session_cut(struct world *world)
{
	world->is_up = false;
	for (int side = 0; side < 2; side++) {
		world->ends[side].queued = 0;
		key_exchange_on_cut(&world->ends[side].kx);
	}
}

static void session_open(struct world *world)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];

	world->is_up = true;
	world->session++;
	for (uint32_t side = 0; side < 2; side++)
		act(world, side, actions,
		    (int)key_exchange_on_session(&world->ends[side].kx, actions));
}

static void renew(struct world *world, uint32_t side)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	uint32_t count;

	keys_clear(&world->ends[side]);
	count = key_exchange_on_renewed(&world->ends[side].kx, world->next_incarnation++, actions);
	act(world, side, actions, (int)count);
}

/* The process ends and comes back: no memory, no session. */
static void restart(struct world *world, uint32_t side)
{
	session_cut(world);
	keys_clear(&world->ends[side]);
	key_exchange_init(&world->ends[side].kx, side == 0, world->next_incarnation++);
}

static void want(struct world *world, uint32_t side)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];

	act(world, side, actions, (int)key_exchange_on_wanted(&world->ends[side].kx, actions));
}

static void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->next_incarnation = 100;
	restart(world, 0);
	restart(world, 1);
}

static bool lives_match(const struct world *world)
{
	const struct key_pair *pair = &world->ends[0].kx.pair, *other = &world->ends[1].kx.pair;

	return pair->client == other->client && pair->server == other->server &&
	       pair->client == world->ends[0].kx.own && pair->server == world->ends[1].kx.own;
}

/* What one end sends with, the other receives with. */
static void invariants_check(const struct world *world)
{
	for (int side = 0; side < 2; side++) {
		const struct end *end = &world->ends[side], *far = &world->ends[!side];
		bool is_open = false;

		assert_int_equal(end->has_tx, end->kx.has_tx);
		assert_true(end->rx_count <= 2);
		if (!end->has_tx || !lives_match(world))
			continue;
		for (uint32_t i = 0; i < far->rx_count; i++)
			is_open |= secret_is(&far->rx[i], &end->tx);
		assert_true(is_open);
	}
}

static void settle(struct world *world)
{
	int messages = 0;

	if (!world->is_up)
		session_open(world);
	while (deliver(world, 0) || deliver(world, 1)) {
		invariants_check(world);
		assert_true(++messages < 100);
	}
	for (int side = 0; side < 2; side++) {
		assert_true(key_exchange_has_keys(&world->ends[side].kx));
		assert_int_equal(world->ends[side].kx.state, KEY_EXCHANGE_OPEN);
		assert_false(world->ends[side].kx.is_wanted);
	}
	assert_true(lives_match(world));
	assert_true(secret_is(&world->ends[0].tx, &world->ends[1].tx));
}

static void exchange__first_keys_and_rekey(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	settle(&world);
	assert_int_equal(world.ends[0].tx.counter, 0);
	assert_int_equal(world.installs, 1);
	for (uint32_t counter = 1; counter < 10; counter++) {
		want(&world, counter % 2);
		want(&world, counter % 2);
		settle(&world);
		assert_int_equal(world.ends[0].tx.counter, counter);
	}
	/* Both at once is one. */
	want(&world, 0);
	want(&world, 1);
	settle(&world);
	assert_int_equal(world.ends[0].tx.counter, 10);
	/* The wish of an end without keys has nothing to replace. */
	restart(&world, 1);
	want(&world, 1);
	settle(&world);
	assert_int_equal(world.ends[0].tx.counter, 0);
}

static void exchange__a_cut_alone_makes_no_keys(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	settle(&world);
	for (int i = 0; i < 5; i++) {
		session_cut(&world);
		settle(&world);
	}
	assert_int_equal(world.installs, 1);
	assert_int_equal(world.ends[1].tx.counter, 0);
}

static void exchange__new_life_of_either_end(void **state)
{
	struct world world;

	(void)state;
	for (uint32_t side = 0; side < 2; side++) {
		world_init(&world);
		settle(&world);
		want(&world, 0);
		settle(&world);
		restart(&world, side);
		settle(&world);
		assert_int_equal(world.ends[0].tx.counter, 0);
		renew(&world, side);
		settle(&world);
		assert_int_equal(world.ends[0].tx.counter, 0);
		assert_int_equal(world.installs, 4);
	}
}

/* A path that only one end has yet: the other's offers come too early. */
static void exchange__far_end_knows_the_path_later(void **state)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct world world;

	(void)state;
	for (uint32_t late = 0; late < 2; late++) {
		world_init(&world);
		world.is_up = true;
		world.session = 1;
		act(&world, !late, actions,
		    (int)key_exchange_on_session(&world.ends[!late].kx, actions));
		world.ends[late].queued = 0;
		act(&world, late, actions,
		    (int)key_exchange_on_session(&world.ends[late].kx, actions));
		settle(&world);
	}
}

/* Cut after every number of messages of a rekey, and of every further attempt. */
static void exchange__cut_at_every_step(void **state)
{
	struct world world;

	(void)state;
	for (uint32_t first = 0; first < 12; first++) {
		for (uint32_t second = 0; second < 12; second++) {
			for (uint32_t side = 0; side < 3; side++) {
				uint32_t cuts[] = {first, second, first};

				world_init(&world);
				if (side < 2)
					settle(&world);
				for (uint32_t i = 0; i < 3; i++) {
					if (side < 2)
						want(&world, side);
					if (!world.is_up)
						session_open(&world);
					for (uint32_t n = 0; n < cuts[i]; n++) {
						deliver(&world, n % 2);
						invariants_check(&world);
					}
					session_cut(&world);
				}
				settle(&world);
			}
		}
	}
}

/* Cuts one after the other, each behind the server's answer: phases wrap round to the one in use.
 */
static void exchange__many_attempts_keep_the_phase_in_use(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	settle(&world);
	session_cut(&world);
	want(&world, 0);
	for (int i = 0; i < 20; i++) {
		session_open(&world);
		while (deliver(&world, 1))
			invariants_check(&world);
		deliver(&world, 0);
		while (deliver(&world, 1))
			invariants_check(&world);
		session_cut(&world);
	}
	settle(&world);
	assert_true(world.ends[0].tx.counter > 20);
}

static uint32_t random_below(uint64_t *seed, uint32_t bound)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33) % bound;
}

static void random_step(struct world *world, uint64_t *seed)
{
	uint32_t dice = random_below(seed, 100), side = random_below(seed, 2);

	if (dice < 70)
		deliver(world, side);
	else if (dice < 80)
		session_cut(world);
	else if (dice < 92)
		world->is_up ? want(world, side) : session_open(world);
	else if (dice < 96)
		renew(world, side);
	else
		restart(world, side);
}

static void exchange__random_cuts_converge(void **state)
{
	struct world world;

	(void)state;
	for (uint64_t number = 1; number <= 3000; number++) {
		uint64_t seed = number;

		world_init(&world);
		for (int i = 0; i < 100; i++) {
			random_step(&world, &seed);
			invariants_check(&world);
		}
		settle(&world);
	}
}

static void exchange__refuses_what_no_peer_says(void **state)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	struct world world;
	struct key_pair pair, stranger = {.client = 7, .server = 8};
	int side, i;

	(void)state;
	world_init(&world);
	settle(&world);
	want(&world, 0);
	settle(&world);
	pair = world.ends[0].kx.pair;
	stranger.server = pair.server;
	{
		const struct {
			int side;
			struct key_message message;
			int answer;
		} table[] = {
			{0, {.type = KEY_REKEY, .pair = pair, .counter = 9}, -EPROTO},
			{0, {.type = KEY_SWITCH, .pair = pair, .counter = 1}, -EPROTO},
			{0, {.type = KEY_REKEYED, .pair = pair, .counter = 1}, 0},
			{0, {.type = KEY_WANTED, .pair = pair, .counter = 0}, 0},
			{0, {.type = KEY_WANTED, .pair = stranger, .counter = 1}, 0},
			{1, {.type = KEY_REKEYED, .pair = pair, .counter = 1}, -EPROTO},
			{1, {.type = KEY_WANTED, .pair = pair, .counter = 1}, -EPROTO},
			/* A counter of before, and one whose phase is in use. */
			{1, {.type = KEY_REKEY, .pair = pair, .counter = 1}, -EPROTO},
			{1, {.type = KEY_REKEY, .pair = pair, .counter = 5}, -EPROTO},
			{1, {.type = KEY_SWITCH, .pair = pair, .counter = 0}, -EPROTO},
			{1, {.type = KEY_SWITCH, .pair = pair, .counter = 1}, 0},
			{1, {.type = KEY_SWITCH, .pair = stranger, .counter = 1}, -EPROTO},
			/* Of a life of this end that is over: no fault of theirs. */
			{1, {.type = KEY_REKEY, .pair = {7, 8}, .counter = 0}, 0},
			{1, {.type = KEY_SWITCH, .pair = {7, 8}, .counter = 0}, 0},
		};

		for (i = 0; i < (int)(sizeof(table) / sizeof(table[0])); i++) {
			struct key_exchange before;

			side = table[i].side;
			before = world.ends[side].kx;
			assert_int_equal(key_exchange_on_message(&world.ends[side].kx,
								 &table[i].message, actions),
					 table[i].answer);
			assert_memory_equal(&before, &world.ends[side].kx, sizeof(before));
		}
	}
	session_cut(&world);
	assert_int_equal(key_exchange_on_message(&world.ends[1].kx,
						 &(struct key_message){.type = KEY_WANTED},
						 actions),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange__first_keys_and_rekey),
		cmocka_unit_test(exchange__a_cut_alone_makes_no_keys),
		cmocka_unit_test(exchange__new_life_of_either_end),
		cmocka_unit_test(exchange__far_end_knows_the_path_later),
		cmocka_unit_test(exchange__cut_at_every_step),
		cmocka_unit_test(exchange__many_attempts_keep_the_phase_in_use),
		cmocka_unit_test(exchange__random_cuts_converge),
		cmocka_unit_test(exchange__refuses_what_no_peer_says),
	};

	return cmocka_run_group_tests_name("key_exchange", tests, NULL, NULL);
}

/*
 * The rules between resources over a store that changes: what the followed index says is what a
 * look at all objects says, and no link is ever promised more than it has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/core/admission.h"
#include "control/io/validate.h"
#include "store_rig.h"

#define SITES	   3
#define LINKS	   5
#define PATHS	   12
#define STEPS	   1500
#define SLOT_NS	   1000000000000ull /* of windows: nothing begins or ends while the test runs */
#define SLOTS	   6
#define CAPACITY   10000000000ull
#define BUFFER_MAX 4000000000ull

/* Two stores that get the same changes; only the first one is followed. */
struct world {
	struct rig *rigs[2];
	struct ledger *ledger;
	uint64_t begin_ns;
	uint64_t seed;
};

static uint32_t pick(struct world *world, uint32_t below)
{
	world->seed = world->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(world->seed >> 33) % below;
}

static void name_of(char *name, char kind, uint32_t number)
{
	snprintf(name, MODEL_NAME_BYTES, "%c%u", kind, number);
}

static void fill_ground(struct draft *draft)
{
	char name[MODEL_NAME_BYTES];

	for (uint32_t i = 0; i < SITES; i++) {
		struct object *site, *gateway;
		char text[32];

		name_of(name, 's', i);
		site = draft_edit(draft, KIND_SITE, name);
		snprintf(text, sizeof(text), "10.%u.0.0/16", i);
		assert_int_equal(ip_prefix_parse(text, &site->site.prefixes[0]), 0);
		site->site.prefix_count = 1;
		name_of(name, 'g', i);
		gateway = draft_edit(draft, KIND_GATEWAY, name);
		name_of(gateway->gateway.site, 's', i);
		name_of(gateway->gateway.ports[0].name, 'w', 0);
		snprintf(text, sizeof(text), "11.0.0.%u", i + 1);
		assert_int_equal(ip_addr_parse(text, &gateway->gateway.ports[0].addresses[0]), 0);
		gateway->gateway.ports[0].address_count = 1;
		gateway->gateway.port_count = 1;
		gateway->gateway.buffer_bytes = i ? BUFFER_MAX : 0;
	}
	for (uint32_t i = 0; i < LINKS; i++) {
		struct object *link;

		name_of(name, 'l', i);
		link = draft_edit(draft, KIND_LINK, name);
		for (uint32_t end = 0; end < 2; end++) {
			name_of(link->link.ends[end].gateway, 'g', (i + end) % SITES);
			name_of(link->link.ends[end].port, 'w', 0);
		}
		link->link.capacity_bps = CAPACITY;
		link->link.rtt_ns = 20000000;
		link->link.reservable_percent = 90;
	}
}

static void fill_path(struct world *world, struct object *object, uint32_t number)
{
	struct path *path = &object->path;
	struct path_assignment assigned = path->assigned;
	uint32_t a = pick(world, SITES), first = pick(world, SLOTS);

	memset(path, 0, sizeof(*path));
	path->assigned = assigned;
	name_of(path->ends[0].site, 's', a);
	name_of(path->ends[1].site, 's', (a + 1 + pick(world, SITES - 1)) % SITES);
	path->match_count = 1;
	path->match[0].protocol = PROTOCOL_TCP;
	path->match[0].range_count = 1;
	/* Now and then two of them want the same traffic. */
	path->match[0].ranges[0].first = (uint16_t)(1000 + number / 2 + pick(world, 2));
	path->match[0].ranges[0].last = path->match[0].ranges[0].first;
	for (int end = 0; end < 2; end++) {
		path->rate_bps[end] = (1 + pick(world, 50)) * 100000000ull;
		path->max_bps[end] = path->rate_bps[end];
	}
	if (pick(world, 2))
		path->start_ns = world->begin_ns + (1 + first) * SLOT_NS;
	if (pick(world, 2))
		path->end_ns = world->begin_ns + (2 + first + pick(world, 3)) * SLOT_NS;
	if (!pick(world, 3))
		path->protection = PROTECTION_ONE_TO_ONE;
	if (!pick(world, 6))
		name_of(path->pin, 'l', pick(world, LINKS));
	if (!pick(world, 4))
		name_of(path->diverse_from, 'p', pick(world, PATHS));
	path->is_manual = !pick(world, 5);
	path->hold_ns = path->is_manual ? PATH_HOLD_MAX_NS : 0;
}

/* Of all that move: their gateways proved the new link. */
static void end_moves(struct draft *draft)
{
	for (const struct object *at = draft_next(draft, KIND_PATH, ""); at;
	     at = draft_next(draft, KIND_PATH, at->name)) {
		if (path_is_moving(&at->path))
			path_move_end(&draft_edit(draft, KIND_PATH, at->name)->path);
	}
}

/* What control does by itself: paths leave a link, go to their backup, or back. */
static void move(struct world *world, struct draft *draft, uint32_t action, const char *path)
{
	static const enum move_kind kinds[] = {MOVE_TO_BACKUP, MOVE_RETURN, MOVE_NEW_BACKUP};
	struct move_request request = {.kind = MOVE_AWAY, .cause = MOVE_DRAIN};
	bool is_single = pick(world, 2);
	char link[MODEL_NAME_BYTES];
	struct link_drain drain;
	struct path_moved moved;

	name_of(link, 'l', pick(world, LINKS));
	if (action == 22) {
		end_moves(draft);
	} else if (action == 23) {
		request.kind = kinds[pick(world, 3)];
		validate_move(draft, path, &request, &moved);
	} else {
		assert_true(validate_drain(draft, link, NULL, is_single, &request, &drain));
		free(drain.items);
	}
}

/* The same request to one of the stores; code "" when it was taken. */
static void ask(struct world *world, int which, const char **code, struct object *result)
{
	struct rig *rig = world->rigs[which];
	struct draft draft = draft_begin(rig->store);
	struct problem problem = {0};
	char name[MODEL_NAME_BYTES];
	uint32_t number = pick(world, PATHS), action = pick(world, 24);
	struct rig_ticket ticket = {0};

	rig_ticket_init(&ticket);
	name_of(name, 'p', number);
	memset(result, 0, sizeof(*result));
	if (action == 0) {
		name_of(name, 'l', pick(world, LINKS));
		draft_edit(&draft, KIND_LINK, name)->link.capacity_bps =
			CAPACITY / (1 + pick(world, 3));
	} else if (action >= 20) {
		move(world, &draft, action, name);
	} else if (action < 5) {
		if (draft_get(&draft, KIND_PATH, name))
			draft_delete(&draft, KIND_PATH, name);
	} else {
		fill_path(world, draft_edit(&draft, KIND_PATH, name), number);
	}
	/* Deletions of paths are the machines' affair: no rule stands in their way. */
	*code = "";
	if ((action >= 5 && action < 20) || action == 0)
		*code = validate_draft(&draft, &problem) ? "" : problem.code;
	if (!**code) {
		assert_int_equal(draft_commit(&draft, &ticket.ticket), 0);
		rig_wait(rig, &ticket);
	}
	if (store_get(rig->store, KIND_PATH, name))
		*result = *store_get(rig->store, KIND_PATH, name);
	draft_free(&draft);
	problem_clear(&problem);
}

static bool is_booked(const struct path *path, uint64_t at_ns)
{
	return path->start_ns <= at_ns && (!path->end_ns || path->end_ns > at_ns);
}

/*
 * What it takes of the link: with its rates, or while it moves away those of meanwhile. NULL:
 * nothing, or it has to leave because the link has become too narrow for it.
 */
static const uint64_t *rates_on(const struct path *path, const char *link)
{
	const struct path_assignment *assigned = &path->assigned;

	if (!strcmp(assigned->link, link) || !strcmp(assigned->backup, link))
		return path->rate_bps;
	if (assigned->move == MOVE_GROUND || strcmp(assigned->from, link) != 0)
		return NULL;
	return path_rates_now(path);
}

/* What moves away is booked for no longer than it was when it began to. */
static uint64_t end_on(const struct path *path, const char *link)
{
	return rates_on(path, link) == path->rate_bps ? path->end_ns : path->assigned.move_end_ns;
}

/* Counted path by path, at an instant. */
static void check_link(struct store *store, const struct object *link, uint64_t at_ns)
{
	uint64_t limit = link->link.capacity_bps / 100 * link->link.reservable_percent;
	uint64_t used[2] = {0};

	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct path *path = &at->path;
		const struct admission_medium medium = {.rtt_ns = link->link.rtt_ns};
		const uint64_t *rate_bps = rates_on(path, link->name);
		/* Gateway gN is at site sN. */
		int is_reversed = link->link.ends[0].gateway[1] != path->ends[0].site[1];

		if (!rate_bps || !is_booked(path, at_ns) ||
		    (end_on(path, link->name) && end_on(path, link->name) <= at_ns))
			continue;
		for (int end = 0; end < 2; end++)
			used[end ^ is_reversed] += admission_wire_bps(&medium, rate_bps[end]);
	}
	assert_true(used[0] <= limit && used[1] <= limit);
}

/* Buffers of a gateway, likewise. */
static void check_gateway(struct store *store, const struct object *gateway, uint64_t at_ns)
{
	uint64_t used = 0;

	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct path *path = &at->path;
		const struct object *link = store_get(store, KIND_LINK, path->assigned.link);
		struct admission_medium medium = {.rtt_ns = link->link.rtt_ns};
		struct admission_ask request = {0};
		struct admission_claim claim;

		memcpy(request.rate_bps, path->rate_bps, sizeof(request.rate_bps));
		memcpy(request.max_bps, path->max_bps, sizeof(request.max_bps));
		admission_claim_make(&request, &medium, &claim);
		for (int end = 0; end < 2 && is_booked(path, at_ns); end++) {
			enum model_end there = path_link_end(path, (enum model_end)end);

			if (!strcmp(link->link.ends[there].gateway, gateway->name))
				used += claim.amounts[ADMISSION_BUFFER_A + end];
		}
	}
	if (gateway->gateway.buffer_bytes)
		assert_true(used <= gateway->gateway.buffer_bytes);
}

static bool is_named(const char *a, const char *b)
{
	return a[0] && !strcmp(a, b);
}

/* Nor are a path's own two links one. */
static void check_apart(const struct path_assignment *a, const struct path_assignment *b)
{
	assert_false(is_named(a->backup, a->link));
	assert_false(is_named(a->backup, b->link) || is_named(a->backup, b->backup) ||
		     is_named(a->link, b->link) || is_named(a->link, b->backup));
}

static void check_diverse(struct store *store)
{
	for (const struct object *at = store_next(store, KIND_PATH, ""); at;
	     at = store_next(store, KIND_PATH, at->name)) {
		const struct object *other = store_get(store, KIND_PATH, at->path.diverse_from);

		if (other && strcmp(other->name, at->name) != 0)
			check_apart(&at->path.assigned, &other->path.assigned);
	}
}

static void check_world(struct world *world)
{
	struct store *store = world->rigs[0]->store;

	check_diverse(store);
	for (const struct object *at = store_next(store, KIND_GATEWAY, ""); at;
	     at = store_next(store, KIND_GATEWAY, at->name)) {
		for (uint64_t slot = 0; slot < SLOTS + 4; slot++)
			check_gateway(store, at, world->begin_ns + slot * SLOT_NS + SLOT_NS / 2);
	}

	for (const struct object *link = store_next(store, KIND_LINK, ""); link;
	     link = store_next(store, KIND_LINK, link->name)) {
		for (uint64_t slot = 0; slot < SLOTS + 4; slot++)
			check_link(store, link, world->begin_ns + slot * SLOT_NS + SLOT_NS / 2);
	}
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const char *seed = getenv("CAUSEWAY_SEED");

	world->begin_ns = validate_now_ns();
	world->seed = seed ? strtoull(seed, NULL, 0) : world->begin_ns;
	print_message("CAUSEWAY_SEED=%llu\n", (unsigned long long)world->seed);
	for (int i = 0; i < 2; i++) {
		struct rig_ticket ticket = {0};
		struct problem problem = {0};
		struct draft draft;

		rig_ticket_init(&ticket);
		world->rigs[i] = rig_open(NULL, 1024);
		draft = draft_begin(world->rigs[i]->store);
		fill_ground(&draft);
		assert_true(validate_draft(&draft, &problem));
		assert_int_equal(draft_commit(&draft, &ticket.ticket), 0);
		rig_wait(world->rigs[i], &ticket);
		draft_free(&draft);
	}
	world->ledger = validate_begin(world->rigs[0]->store);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	validate_end(world->ledger);
	for (int i = 0; i < 2; i++)
		rig_close(world->rigs[i]);
	free(world);
	return 0;
}

static void validate__followed_or_not_is_the_same(void **state)
{
	static struct object results[2];
	struct world *world = *state;
	uint32_t taken = 0, refused = 0;

	for (int i = 0; i < STEPS; i++) {
		uint64_t seed = world->seed;
		const char *codes[2];

		ask(world, 0, &codes[0], &results[0]);
		world->seed = seed;
		ask(world, 1, &codes[1], &results[1]);
		assert_string_equal(codes[0], codes[1]);
		/* Of a held one the clock is in it. */
		results[0].path.assigned.hold_until_ns = results[1].path.assigned.hold_until_ns;
		assert_memory_equal(&results[0], &results[1], sizeof(results[0]));
		taken += !codes[0][0];
		refused += codes[0][0] != 0;
		if (i % 10 == 0)
			check_world(world);
	}
	check_world(world);
	/* The world is neither empty nor stuck. */
	assert_true(taken > STEPS / 10 && refused > STEPS / 10);
}

static void validate__link_numbers_are_the_gateways(void **state)
{
	struct world *world = *state;
	struct store *store = world->rigs[0]->store;
	uint8_t ids[LINKS];

	for (uint32_t i = 0; i < LINKS; i++) {
		char name[MODEL_NAME_BYTES];

		name_of(name, 'l', i);
		ids[i] = store_get(store, KIND_LINK, name)->link.id;
		assert_int_not_equal(ids[i], 0);
		/* All links of this world share a gateway with each other. */
		for (uint32_t j = 0; j < i; j++)
			assert_int_not_equal(ids[i], ids[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(validate__followed_or_not_is_the_same, setup,
						teardown),
		cmocka_unit_test_setup_teardown(validate__link_numbers_are_the_gateways, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

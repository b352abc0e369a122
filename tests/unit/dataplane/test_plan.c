#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/core/plan.h"
#include "tests/unit/dataplane/intent_sample.h"

#define PATHS_MAX 12

/* "unclaim 1, update! 1, claim 1": the ! marks a restart, a > a move to another link. */
static void plan_text(const struct intent *old, const struct intent *new, uint32_t max, char *text,
		      size_t size)
{
	struct plan_action out[8];
	struct plan plan;
	uint32_t count;
	size_t used = 0;

	text[0] = '\0';
	plan_init(&plan, old, new);
	while ((count = plan_next(&plan, out, max)) > 0) {
		for (uint32_t i = 0; i < count; i++)
			used += (size_t)snprintf(text + used, size - used, "%s%s%s%s %u",
						 used ? ", " : "", plan_action_name(out[i].type),
						 out[i].restart ? "!" : "", out[i].move ? ">" : "",
						 out[i].path->id);
	}
}

static struct intent_path with(uint8_t phase, uint32_t generation)
{
	struct intent_path path = intent_sample("job1", 1);

	path.phase = phase;
	path.generation = generation;
	return path;
}

static struct intent_path moved(uint8_t phase)
{
	struct intent_path path = with(phase, 2);

	path.peer_addr.bytes[15]++;
	return path;
}

/* The new tunnel as no word of its own. */
static struct intent_path shifted(uint8_t phase)
{
	struct intent_path path = moved(phase);

	path.generation = 1;
	return path;
}

static struct intent_path elsewhere(uint8_t phase)
{
	struct intent_path path = moved(phase);

	strcpy(path.peer, "gw-c");
	return path;
}

/* Another link, and there the far LAN takes more. */
static struct intent_path moved_wider(uint8_t phase)
{
	struct intent_path path = moved(phase);

	path.far_lan_mtu = 9000;
	return path;
}

static struct intent_path wider(uint8_t phase)
{
	struct intent_path path = with(phase, 1);

	path.far_lan_mtu = 9000;
	return path;
}

static struct intent_path renumbered(uint8_t phase)
{
	struct intent_path path = with(phase, 1);

	path.id = 2;
	return path;
}

static struct intent_path renamed(uint8_t phase)
{
	struct intent_path path = with(phase, 1);

	strcpy(path.name, "other");
	return path;
}

static void plan_next__one_path(void **state)
{
	struct intent_path none = {0};
	const struct {
		const char *what;
		struct intent_path old, new;
		const char *actions;
	} table[] = {
		{"new, receive", none, with(PHASE_RECEIVE, 1), "add 1"},
		{"new, claim (restored)", none, with(PHASE_CLAIM, 1), "add 1, claim 1"},
		{"new, drain", none, with(PHASE_DRAIN, 1), "add 1"},
		{"same", with(PHASE_CLAIM, 1), with(PHASE_CLAIM, 1), ""},
		{"proved", with(PHASE_RECEIVE, 1), with(PHASE_CLAIM, 1), "claim 1"},
		{"control restarted", with(PHASE_CLAIM, 1), with(PHASE_RECEIVE, 1), ""},
		{"drain", with(PHASE_CLAIM, 1), with(PHASE_DRAIN, 1), "unclaim 1"},
		{"drain, idle", with(PHASE_RECEIVE, 1), with(PHASE_DRAIN, 1), ""},
		{"gone, idle", with(PHASE_RECEIVE, 1), none, "remove 1"},
		{"gone, claiming", with(PHASE_CLAIM, 1), none, "unclaim 1, remove 1"},
		{"generation", with(PHASE_CLAIM, 1), with(PHASE_CLAIM, 2), "update 1"},
		{"generation, to prove", with(PHASE_CLAIM, 1), with(PHASE_RECEIVE, 2), "update 1"},
		{"generation, drain", with(PHASE_CLAIM, 1), with(PHASE_DRAIN, 2),
		 "update 1, unclaim 1"},
		{"moved, idle", with(PHASE_RECEIVE, 1), moved(PHASE_RECEIVE), "update> 1"},
		{"moved, to prove", with(PHASE_CLAIM, 1), moved(PHASE_RECEIVE), "update> 1"},
		{"moved", with(PHASE_CLAIM, 1), moved(PHASE_CLAIM), "update> 1"},
		{"moved, then claims", with(PHASE_RECEIVE, 1), moved(PHASE_CLAIM),
		 "update> 1, claim 1"},
		{"moved, drain", with(PHASE_CLAIM, 1), moved(PHASE_DRAIN), "update> 1, unclaim 1"},
		{"moved, far MTU", with(PHASE_CLAIM, 1), moved_wider(PHASE_CLAIM),
		 "update> 1, claim 1"},
		{"other gateway, idle", with(PHASE_RECEIVE, 1), elsewhere(PHASE_RECEIVE),
		 "update! 1"},
		{"other gateway", with(PHASE_CLAIM, 1), elsewhere(PHASE_RECEIVE),
		 "unclaim 1, update! 1"},
		{"other gateway, proved", with(PHASE_CLAIM, 1), elsewhere(PHASE_CLAIM),
		 "unclaim 1, update! 1, claim 1"},
		{"other gateway, drain", with(PHASE_CLAIM, 1), elsewhere(PHASE_DRAIN),
		 "unclaim 1, update! 1"},
		{"other tunnel, same generation", with(PHASE_CLAIM, 1), shifted(PHASE_RECEIVE),
		 "unclaim 1, update! 1"},
		{"far MTU", with(PHASE_CLAIM, 1), wider(PHASE_CLAIM), "update 1, claim 1"},
		{"far MTU, idle", with(PHASE_RECEIVE, 1), wider(PHASE_RECEIVE), "update 1"},
		{"other id", with(PHASE_CLAIM, 1), renumbered(PHASE_RECEIVE),
		 "add 2, unclaim 1, remove 1"},
		{"other id, proved", with(PHASE_CLAIM, 1), renumbered(PHASE_CLAIM),
		 "add 2, claim 2, unclaim 1, remove 1"},
		{"id reused", with(PHASE_CLAIM, 1), renamed(PHASE_RECEIVE), "unclaim 1, update! 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct intent_path old_path = table[i].old, new_path = table[i].new;
		struct intent old = {.path_count = old_path.id ? 1 : 0, .paths = &old_path};
		struct intent new = {.path_count = new_path.id ? 1 : 0, .paths = &new_path};
		char text[256];

		plan_settle(&old, &new);
		plan_text(&old, &new, 8, text, sizeof(text));
		if (strcmp(text, table[i].actions) != 0)
			fail_msg("%s: %s, not %s", table[i].what, text, table[i].actions);
		plan_text(&old, &new, 1, text, sizeof(text));
		assert_string_equal(text, table[i].actions);
	}
}

static void plan_next__no_room(void **state)
{
	struct intent_path path = with(PHASE_RECEIVE, 1);
	struct intent old = {.paths = NULL}, new = {.path_count = 1, .paths = &path};
	struct plan_action action;
	struct plan plan;

	(void)state;
	plan_init(&plan, &old, &new);
	assert_int_equal(plan_next(&plan, &action, 0), 0);
	assert_int_equal(plan_next(&plan, &action, 1), 1);
	assert_int_equal(plan_next(&plan, &action, 1), 0);
	assert_int_equal(plan_next(&plan, &action, 1), 0);
}

/* A gateway as far as actions go: what it receives on, and what it claims. */
struct model {
	struct {
		bool receives, claims;
		struct intent_path path, claim;
	} slots[PATHS_MAX * 2 + 1]; /* by id */
};

static uint64_t seed_state;

static uint32_t roll(uint32_t sides)
{
	seed_state = seed_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed_state >> 33) % sides;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct intent_path *)a)->name, ((const struct intent_path *)b)->name);
}

static bool id_in(const struct intent *intent, uint32_t id)
{
	for (uint32_t i = 0; i < intent->path_count; i++) {
		if (intent->paths[i].id == id)
			return true;
	}
	return false;
}

static void random_path(struct intent *intent, uint32_t number)
{
	struct intent_path *path = &intent->paths[intent->path_count];
	uint32_t id = roll(4) ? number + 1 : PATHS_MAX + 1 + roll(PATHS_MAX);
	char name[16];

	if (roll(8) == 0)
		id = 1 + roll(PATHS_MAX);
	if (roll(3) == 0 || id_in(intent, id))
		return;
	snprintf(name, sizeof(name), "p%02u", number);
	*path = intent_sample(name, id);
	path->phase = (uint8_t)(PHASE_RECEIVE + roll(3));
	path->generation = 1 + roll(2);
	path->max_bps += roll(2);
	path->far_lan_mtu += roll(4) == 0;
	path->when_down = (uint8_t)roll(2);
	path->peer_addr.bytes[15] = (uint8_t)(2 + (roll(4) == 0));
	path->link_id = (uint8_t)(1 + (roll(4) == 0));
	path->peer[3] = roll(8) ? 'b' : 'c';
	path->near_count = (uint8_t)(1 + (roll(4) > 0));
	path->match[0].ranges[0].last = (uint16_t)(5998 + (roll(4) > 0));
	intent->path_count++;
}

static void random_intent(struct intent *intent)
{
	intent->path_count = 0;
	for (uint32_t number = 0; number < PATHS_MAX; number++)
		random_path(intent, number);
	qsort(intent->paths, intent->path_count, sizeof(intent->paths[0]), by_name);
}

static void model_start(struct model *model, const struct intent *intent)
{
	memset(model, 0, sizeof(*model));
	for (uint32_t i = 0; i < intent->path_count; i++) {
		uint32_t id = intent->paths[i].id;

		model->slots[id].receives = true;
		model->slots[id].path = intent->paths[i];
		model->slots[id].claims = intent->paths[i].phase == PHASE_CLAIM;
		model->slots[id].claim = intent->paths[i];
	}
}

static void model_apply(struct model *model, const struct plan_action *action)
{
	uint32_t id = action->path->id;
	bool receives = model->slots[id].receives, claims = model->slots[id].claims;

	switch (action->type) {
	case ACTION_PATH_ADD:
		assert_false(receives);
		model->slots[id].receives = true;
		model->slots[id].path = *action->path;
		break;
	case ACTION_PATH_UPDATE:
		assert_true(receives);
		/* What claims keeps its gateway and selectors under it. */
		assert_false(action->restart && claims);
		assert_int_equal(action->move,
				 intent_path_moves(&model->slots[id].path, action->path));
		assert_int_equal(!action->restart && !action->move,
				 intent_path_same_identity(&model->slots[id].path, action->path));
		model->slots[id].path = *action->path;
		break;
	case ACTION_PATH_CLAIM:
		assert_true(receives);
		model->slots[id].claims = true;
		model->slots[id].claim = *action->path;
		break;
	case ACTION_PATH_UNCLAIM:
		assert_true(claims);
		model->slots[id].claims = false;
		break;
	case ACTION_PATH_REMOVE:
		assert_true(receives);
		assert_false(claims);
		model->slots[id].receives = false;
		break;
	}
}

static bool same_claim(const struct intent_path *claim, const struct intent_path *path)
{
	struct intent_path there = *claim;

	there.link_id = path->link_id;
	there.peer_addr = path->peer_addr;
	return intent_path_same_identity(&there, path);
}

static void model_check(const struct model *model, const struct intent *intent)
{
	uint32_t receiving = 0;

	for (uint32_t i = 0; i < intent->path_count; i++) {
		const struct intent_path *path = &intent->paths[i];
		bool claims = path->phase == PHASE_CLAIM;

		assert_true(model->slots[path->id].receives);
		assert_true(intent_path_same_settings(&model->slots[path->id].path, path));
		assert_int_equal(model->slots[path->id].claims, claims);
		if (claims) {
			/* A move of what claims changes no rule. */
			assert_true(same_claim(&model->slots[path->id].claim, path));
			assert_int_equal(model->slots[path->id].claim.far_lan_mtu,
					 path->far_lan_mtu);
			assert_int_equal(model->slots[path->id].claim.when_down, path->when_down);
		}
	}
	for (uint32_t id = 0; id <= PATHS_MAX * 2; id++)
		receiving += model->slots[id].receives;
	assert_int_equal(receiving, intent->path_count);
}

/* Settling takes nothing away, and lets nothing claim that control did not let claim once. */
static void settle_check(const struct intent *old, const struct intent *wanted,
			 const struct intent *settled)
{
	for (uint32_t i = 0; i < wanted->path_count; i++) {
		const struct intent_path *before =
			intent_find_id(old, wanted->paths[i].id, wanted->paths[i].name);

		if (wanted->paths[i].phase == settled->paths[i].phase)
			continue;
		assert_int_equal(wanted->paths[i].phase, PHASE_RECEIVE);
		assert_int_equal(settled->paths[i].phase, PHASE_CLAIM);
		assert_non_null(before);
		assert_int_equal(before->phase, PHASE_CLAIM);
	}
}

static void check_seed(uint64_t seed)
{
	struct intent_path old_paths[PATHS_MAX], new_paths[PATHS_MAX], wanted_paths[PATHS_MAX];
	struct intent old = {.paths = old_paths}, new = {.paths = new_paths};
	static struct model model;
	struct plan_action out[3];
	struct plan plan;
	uint32_t count;

	seed_state = seed;
	random_intent(&old);
	model_start(&model, &old);
	for (uint32_t step = 0; step < 20; step++) {
		struct intent wanted = {.paths = wanted_paths};

		random_intent(&new);
		memcpy(wanted_paths, new_paths, sizeof(wanted_paths));
		wanted.path_count = new.path_count;
		plan_settle(&old, &new);
		settle_check(&old, &wanted, &new);
		plan_init(&plan, &old, &new);
		while ((count = plan_next(&plan, out, 1 + roll(3))) > 0) {
			for (uint32_t i = 0; i < count; i++)
				model_apply(&model, &out[i]);
		}
		model_check(&model, &new);
		memcpy(old_paths, new_paths, sizeof(old_paths));
		old.path_count = new.path_count;
	}
}

static void plan_next__applied_gives_new(void **state)
{
	uint64_t seed = (uint64_t)time(NULL) * 1000003u;

	(void)state;
	for (uint64_t fixed = 1; fixed <= 500; fixed++)
		check_seed(fixed);
	print_message("random seed %llu\n", (unsigned long long)seed);
	check_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_next__one_path),
		cmocka_unit_test(plan_next__no_room),
		cmocka_unit_test(plan_next__applied_gives_new),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

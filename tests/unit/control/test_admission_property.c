/*
 * Admission against the oracle: a hundred thousand random requests, in a world of four sites, 16
 * links (some of them parallel, some sharing ducts), gateways with and without limited memory, and
 * tenants with quotas, while time goes on. Every decision and every offer is compared with what
 * counting second by second says; nothing may be over-booked at any second, and nothing is left
 * when all paths are gone. CAUSEWAY_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/control/admission_rig.h"

#define OPERATIONS 100000u
#define WORLD	   10000u /* operations in one world */
#define TICK	   20u	  /* operations in a second */
#define CHECK	   100u	  /* operations before all of it is looked at */
/* Windows end before the last second, so that it stands for all that come after. */
#define LAST_END_S (ORACLE_SECONDS - 1)

static struct {
	uint32_t codes[ADMISSION_OK + 1], offers[ADMISSION_OFFERS_MAX], taken, pairs;
} seen;

/* ---- offers ---- */

static uint32_t seconds_of(uint64_t ns)
{
	assert_true(ns == CALENDAR_FOREVER || ns % ORACLE_NS == 0);
	return ns == CALENDAR_FOREVER ? ORACLE_FOREVER : (uint32_t)(ns / ORACLE_NS);
}

static struct oracle_path asked_by(const struct oracle_path *asked,
				   const struct admission_offer *offer)
{
	struct oracle_path path = *asked;

	memcpy(path.rate_bps, offer->ask.rate_bps, sizeof(path.rate_bps));
	memcpy(path.max_bps, offer->ask.max_bps, sizeof(path.max_bps));
	path.start_s = seconds_of(offer->ask.start_ns);
	path.end_s = seconds_of(offer->ask.end_ns);
	return path;
}

/* If its rates were a little higher, or its maximal rates where only these were lowered. Two steps:
 * the lower rate follows the higher one, and is rounded on its own. */
static struct oracle_path little_more(const struct oracle_path *asked, struct oracle_path path)
{
	bool is_lower = false;

	for (int end = 0; end < 2; end++) {
		assert_true(path.rate_bps[end] <= asked->rate_bps[end]);
		assert_true(path.max_bps[end] <= asked->max_bps[end]);
		assert_true(!asked->rate_bps[end] || path.rate_bps[end]);
		is_lower |= path.rate_bps[end] < asked->rate_bps[end];
	}
	for (int end = 0; end < 2; end++) {
		uint64_t *bps = is_lower ? &path.rate_bps[end] : &path.max_bps[end];
		uint64_t most = is_lower ? asked->rate_bps[end] : asked->max_bps[end];

		if (is_lower)
			path.max_bps[end] = 0;
		*bps = *bps + 2 * STEP_BPS < most ? *bps + 2 * STEP_BPS : most;
	}
	return path;
}

static void check_no_rate(const struct oracle_path *asked, int current)
{
	struct oracle_path least = *asked;

	for (int end = 0; end < 2; end++) {
		least.max_bps[end] = 0;
		if (least.rate_bps[end] > STEP_BPS)
			least.rate_bps[end] = STEP_BPS;
	}
	for (uint32_t link = 0; link < ORACLE_LINKS; link++)
		assert_false(may_go(asked, link, current) && oracle_fits(&oracle, &least, link));
}

static void check_offer(const struct oracle_path *asked, int current,
			const struct admission_offer *offer)
{
	struct oracle_path path = asked_by(asked, offer);
	uint32_t link = option_links[offer->option];

	seen.offers[offer->kind]++;
	assert_true(may_go(&path, link, current));
	assert_true(oracle_fits(&oracle, &path, link));
	if (offer->kind == ADMISSION_OFFER_RATE) {
		path = little_more(asked, path);
		assert_false(oracle_fits(&oracle, &path, link));
		return;
	}
	assert_memory_equal(path.rate_bps, asked->rate_bps, sizeof(path.rate_bps));
	assert_memory_equal(path.max_bps, asked->max_bps, sizeof(path.max_bps));
}

/* The best start or end that any link has to offer; ORACLE_FOREVER: none. */
static uint32_t best_time(const struct oracle_path *asked, int current,
			  enum admission_offer_kind kind)
{
	uint32_t best_s = ORACLE_FOREVER;

	for (uint32_t link = 0; link < ORACLE_LINKS; link++) {
		uint32_t at_s;

		if (!may_go(asked, link, current))
			continue;
		if (kind == ADMISSION_OFFER_START) {
			at_s = oracle_earliest(&oracle, asked, link);
			best_s = at_s < best_s ? at_s : best_s;
			continue;
		}
		at_s = oracle_longest(&oracle, asked, link);
		if (at_s > asked->start_s && (best_s == ORACLE_FOREVER || at_s > best_s))
			best_s = at_s;
	}
	return best_s;
}

static void check_offers(const struct oracle_path *asked, int current,
			 const struct admission_verdict *verdict)
{
	uint32_t found[ADMISSION_OFFERS_MAX] = {[ADMISSION_OFFER_START] = ORACLE_FOREVER,
						[ADMISSION_OFFER_WINDOW] = ORACLE_FOREVER};

	for (uint32_t i = 0; i < verdict->offer_count; i++) {
		const struct admission_offer *offer = &verdict->offers[i];

		check_offer(asked, current, offer);
		found[offer->kind] =
			seconds_of(offer->kind == ADMISSION_OFFER_WINDOW ? offer->ask.end_ns
									 : offer->ask.start_ns);
		if (offer->kind == ADMISSION_OFFER_RATE)
			found[ADMISSION_OFFER_RATE] = 1;
	}
	if (!found[ADMISSION_OFFER_RATE])
		check_no_rate(asked, current);
	for (int kind = ADMISSION_OFFER_START; kind <= ADMISSION_OFFER_WINDOW; kind++)
		assert_int_equal(found[kind],
				 best_time(asked, current, (enum admission_offer_kind)kind));
}

/* ---- operations ---- */

static enum admission_code put(const struct oracle_path *asked, int slot,
			       struct admission_verdict *verdict)
{
	int current = paths[slot].is_there ? (int)paths[slot].link : -1;
	struct admission_request request = request_make(asked, slot);
	enum admission_code code;
	uint32_t link;

	assert_in_range(admission_scratch_count(options, option_count), 0,
			sizeof(scratch) / sizeof(scratch[0]));
	admission_decide(&request, options, option_count, scratch, verdict);
	if (current >= 0)
		oracle_release(&oracle, &paths[slot]);
	code = oracle_decide(&oracle, asked, peer_links, peer_count, current, &link);
	seen.codes[code]++;
	assert_int_equal(verdict->code, code);
	if (code >= ADMISSION_NO_BANDWIDTH && code < ADMISSION_OK)
		check_offers(asked, current, verdict);
	else
		assert_int_equal(verdict->offer_count, 0);
	if (current >= 0)
		oracle_book(&oracle, &paths[slot]);
	if (code == ADMISSION_OK) {
		assert_int_equal(option_links[verdict->option], link);
		keep(slot, asked, link);
	}
	return code;
}

/* Asks; and when that is refused, asks for one of the offers, which is granted. */
static void put_or_take(const struct oracle_path *asked, int slot)
{
	struct admission_verdict verdict, again;
	struct oracle_path path;

	if (put(asked, slot, &verdict) == ADMISSION_OK || !verdict.offer_count || chance(50))
		return;
	path = asked_by(asked, &verdict.offers[random_below(verdict.offer_count)]);
	if (path.end_s > LAST_END_S && path.end_s != ORACLE_FOREVER)
		return;
	assert_int_equal(put(&path, slot, &again), ADMISSION_OK);
	seen.taken++;
}

static void random_rates(struct oracle_path *path)
{
	for (int end = 0; end < 2; end++) {
		path->rate_bps[end] = chance(5) ? 0 : 1 + random_below(chance(70) ? GB : 7 * GB);
		path->max_bps[end] = path->rate_bps[end];
		if (chance(50))
			path->max_bps[end] += random_below(3 * GB);
		else if (chance(50))
			path->max_bps[end] = 0;
	}
	/* Those that fill a quota to the last bit. */
	if (chance(20))
		path->rate_bps[0] = random_below(8) * GB;
	if (chance(40))
		path->rate_bps[1] = path->rate_bps[0];
	for (int end = 0; end < 2; end++) {
		if (path->max_bps[end] && path->max_bps[end] < path->rate_bps[end])
			path->max_bps[end] = path->rate_bps[end];
	}
}

static void random_window(struct oracle_path *path)
{
	path->start_s = now_s + (chance(50) ? 0 : (uint32_t)random_below(200));
	path->end_s = path->start_s + 1 + (uint32_t)random_below(200);
	if (chance(15))
		path->end_s = ORACLE_FOREVER;
}

static int random_path(void)
{
	uint32_t slot = (uint32_t)random_below(PATHS_MAX);

	return paths[slot].is_there ? (int)slot : -1;
}

static void create(uint32_t slot)
{
	struct oracle_path path = {.diverse_from = -1};

	path.sites[0] = (uint32_t)random_below(ORACLE_SITES);
	path.sites[1] =
		(path.sites[0] + 1 + (uint32_t)random_below(ORACLE_SITES - 1)) % ORACLE_SITES;
	path.tenant = (uint32_t)random_below(ORACLE_TENANTS);
	if (chance(20))
		path.rtt_max_ns = (5 + random_below(30)) * MS;
	if (chance(20))
		path.diverse_from = random_path();
	random_rates(&path);
	random_window(&path);
	put_or_take(&path, (int)slot);
}

/* Rates, window, or only a later end; in place. */
static void modify(uint32_t slot)
{
	struct oracle_path path = paths[slot];

	if (path.start_s < now_s)
		path.start_s = now_s;
	if (chance(50))
		random_rates(&path);
	else if (chance(50))
		random_window(&path);
	else if (path.end_s != ORACLE_FOREVER)
		path.end_s += 1 + (uint32_t)random_below(100);
	if (path.end_s > LAST_END_S && path.end_s != ORACLE_FOREVER)
		path.end_s = LAST_END_S;
	put_or_take(&path, (int)slot);
}

static void drain_or_open(void)
{
	struct oracle_link *link = &oracle.links[random_below(ORACLE_LINKS)];

	link->is_open = chance(75);
}

static void check_peak(void)
{
	uint32_t r = (uint32_t)random_below(ORACLE_RESOURCES);
	uint64_t peak = 0;

	calendars_make(NULL);
	for (uint32_t s = 0; s <= ORACLE_SECONDS; s++)
		peak = oracle.used[r][s] > peak ? oracle.used[r][s] : peak;
	assert_int_equal(calendar_peak(&calendars[r], 0, CALENDAR_FOREVER, NULL, scratch), peak);
}

/* Would the core find two ways where counting finds two, and no worse ones? */
static void check_pair(void)
{
	struct oracle_path path = {.diverse_from = -1, .sites = {0, 1}};
	uint64_t best = UINT64_MAX, found = UINT64_MAX;
	struct admission_request request;
	uint32_t slot = 0, pair[2];

	while (slot < PATHS_MAX && paths[slot].is_there)
		slot++;
	if (slot == PATHS_MAX)
		return;
	random_rates(&path);
	random_window(&path);
	request = request_make(&path, (int)slot);
	if (admission_pair(&request, options, option_count, scratch, pair))
		found = oracle.links[option_links[pair[0]]].cost +
			oracle.links[option_links[pair[1]]].cost;
	for (uint32_t a = 0; a < ORACLE_LINKS; a++) {
		struct oracle_path first = path;

		first.link = a;
		if (!may_go(&path, a, -1) || !oracle_fits(&oracle, &path, a))
			continue;
		for (uint32_t b = 0; b < ORACLE_LINKS; b++) {
			uint64_t cost = oracle.links[a].cost + oracle.links[b].cost;

			if (cost >= best || !may_go(&path, b, -1) ||
			    !oracle_is_disjoint(&oracle, a, b))
				continue;
			if (oracle_fits_beside(&oracle, &first, b))
				best = cost;
		}
	}
	seen.pairs += best != UINT64_MAX;
	assert_true(found == best);
}

static void operate(void)
{
	uint32_t slot = (uint32_t)random_below(PATHS_MAX);

	if (chance(2))
		drain_or_open();
	else if (chance(2))
		check_pair();
	else if (chance(2))
		check_peak();
	else if (!paths[slot].is_there)
		create(slot);
	else if (chance(25))
		release(slot);
	else
		modify(slot);
}

static void expire(void)
{
	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		if (paths[i].is_there && paths[i].end_s <= now_s)
			release(i);
	}
}

static void check_world(void)
{
	assert_true(oracle_is_sound(&oracle));
	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		const struct oracle_path *path = &paths[i];

		if (!path->is_there)
			continue;
		if (path->rtt_max_ns)
			assert_true(oracle.links[path->link].rtt_ns <= path->rtt_max_ns);
		if (path->diverse_from >= 0)
			assert_true(oracle_is_disjoint(&oracle, path->link,
						       paths[path->diverse_from].link));
	}
}

/* Nothing leaks. */
static void check_all_gone(void)
{
	static const struct oracle nothing;

	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		if (paths[i].is_there)
			release(i);
	}
	assert_memory_equal(oracle.used, nothing.used, sizeof(oracle.used));
}

static void check_seen(void)
{
	for (int code = 0; code <= ADMISSION_OK; code++) {
		print_message("%s %u, ", admission_code_name((enum admission_code)code),
			      seen.codes[code]);
		assert_true(seen.codes[code] > 0);
	}
	for (int kind = 0; kind < ADMISSION_OFFERS_MAX; kind++) {
		print_message("offers of %s %u, ",
			      admission_offer_name((enum admission_offer_kind)kind),
			      seen.offers[kind]);
		assert_true(seen.offers[kind] > 0);
	}
	print_message("taken %u, moved %u, pairs %u\n", seen.taken, moved, seen.pairs);
	assert_true(seen.taken && moved && seen.pairs);
}

static void admission__agrees_with_the_oracle(void **state)
{
	(void)state;
	seed_set();
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		if (i % WORLD == 0)
			world_make();
		operate();
		if (i % TICK == 0) {
			now_s++;
			expire();
		}
		if (i % CHECK == 0)
			check_world();
		if (i % WORLD == WORLD - 1)
			check_all_gone();
	}
	check_seen();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admission__agrees_with_the_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

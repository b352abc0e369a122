#include <string.h>

#include "control/core/path_state.h"

static const char *const verb_names[VERB_COUNT] = {
	[VERB_COMMIT] = "commit",
	[VERB_ABORT] = "abort",
	[VERB_RENEW] = "renew",
};

static const enum path_verb_answer verb_table[LIFE_COUNT][VERB_COUNT] = {
	[LIFE_COMMITTED] = {[VERB_COMMIT] = VERB_DONE, [VERB_RENEW] = VERB_TAKEN},
	[LIFE_HELD] = {[VERB_COMMIT] = VERB_TAKEN, [VERB_ABORT] = VERB_TAKEN},
};

const char *path_verb_name(enum path_verb verb)
{
	return verb_names[verb];
}

enum path_verb path_verb_find(const char *name)
{
	for (unsigned int i = 0; i < VERB_COUNT; i++) {
		if (!strcmp(verb_names[i], name))
			return (enum path_verb)i;
	}
	return VERB_COUNT;
}

enum path_verb_answer path_verb_check(const struct path *path, enum path_verb verb)
{
	if (path->assigned.is_deleting || (verb == VERB_RENEW && !path->lease_ns))
		return VERB_REFUSED;
	return verb_table[path->assigned.life][verb];
}

enum path_expiry path_expiry_due(const struct path *path, uint64_t now_ns, uint64_t since_ns)
{
	const struct path_assignment *assigned = &path->assigned;
	uint64_t grace_ns = since_ns + path->lease_ns;
	bool is_over = path->end_ns && path->end_ns <= now_ns;
	bool is_lost = assigned->lease_until_ns && assigned->lease_until_ns <= now_ns &&
		       grace_ns <= now_ns;

	if (assigned->is_deleting || assigned->life == LIFE_EXPIRED)
		return EXPIRY_NONE;
	if (assigned->life == LIFE_HELD)
		return assigned->hold_until_ns <= now_ns ? EXPIRY_HOLD : EXPIRY_NONE;
	if (is_lost && (!is_over || assigned->lease_until_ns < path->end_ns))
		return EXPIRY_LEASE;
	return is_over ? EXPIRY_END : EXPIRY_NONE;
}

uint64_t path_next_ns(const struct path *path, uint64_t now_ns)
{
	const struct path_assignment *assigned = &path->assigned;
	const uint64_t times[] = {
		assigned->life == LIFE_HELD ? assigned->hold_until_ns : assigned->lease_until_ns,
		path->start_ns,
		path->end_ns,
	};
	uint64_t next_ns = UINT64_MAX;

	if (assigned->is_deleting || assigned->life == LIFE_EXPIRED)
		return next_ns;
	for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (times[i] > now_ns && times[i] < next_ns)
			next_ns = times[i];
	}
	return next_ns;
}

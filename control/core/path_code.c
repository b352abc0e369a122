#include "control/core/path_code.h"

static const char *const stage_names[STAGE_COUNT] = {
	[STAGE_WAIT] = "wait",	 [STAGE_RECEIVE] = "receive", [STAGE_CLAIM] = "claim",
	[STAGE_DRAIN] = "drain", [STAGE_REMOVE] = "remove",   [STAGE_GONE] = "gone",
};

static const char *const cause_codes[CAUSE_COUNT] = {
	[CAUSE_CREATED] = "created",
	[CAUSE_NOT_CONNECTED] = "not-connected",
	[CAUSE_NO_CERTIFICATE] = "no-certificate",
	[CAUSE_NOT_RECEIVING] = "not-receiving",
	[CAUSE_NOT_PROVED] = "not-proved",
	[CAUSE_NOT_CLAIMING] = "not-claiming",
	[CAUSE_ERROR] = "error",
	[CAUSE_PROVED] = "proved",
	[CAUSE_CHANGED] = "changed",
	[CAUSE_DELETED] = "deleted",
	[CAUSE_REMOVED] = "removed",
	[CAUSE_HELD] = "held",
	[CAUSE_COMMITTED] = "committed",
	[CAUSE_EARLY] = "early",
	[CAUSE_HOLD_EXPIRED] = "hold-expired",
	[CAUSE_LEASE_EXPIRED] = "lease-expired",
	[CAUSE_WINDOW_OVER] = "window-over",
	[CAUSE_MOVING] = "moving",
};

static const char *const step_names[END_STEP_COUNT] = {
	[END_UNHEARD] = "unheard",
	[END_NO_CERTIFICATE] = "no-certificate",
	[END_BEHIND] = "behind",
	[END_ERROR] = "error",
	[END_NOT_RECEIVING] = "not-receiving",
	[END_NOT_PROVED] = "not-proved",
	[END_NOT_CLAIMING] = "not-claiming",
	[END_CLAIMS] = "claims",
};

const char *path_stage_name(enum path_stage stage)
{
	return stage_names[stage];
}

const char *path_cause_code(enum path_cause cause)
{
	return cause_codes[cause];
}

const char *path_end_step_name(enum path_end_step step)
{
	return step_names[step];
}

enum path_end_step path_end_step_find(const struct path_end_facts *end, uint32_t generation)
{
	if (!end->is_fresh)
		return END_UNHEARD;
	if (!end->has_certificate)
		return END_NO_CERTIFICATE;
	if (end->is_reported && end->has_error)
		return END_ERROR;
	if (!end->is_reported || !end->is_current || end->generation < generation)
		return END_BEHIND;
	if (!end->is_receiving)
		return END_NOT_RECEIVING;
	if (!end->is_proved)
		return END_NOT_PROVED;
	return end->is_claiming ? END_CLAIMS : END_NOT_CLAIMING;
}

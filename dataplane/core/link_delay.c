#include "dataplane/core/link_delay.h"

#include "dataplane/core/shaper.h"

#define DRIFT_MAX	(((int64_t)OWD_DRIFT_MAX_PPM << 32) / 1000000)
#define WINDOW_NS	(OWD_SLICES * OWD_SLICE_NS)
#define POINT_AGE_NS	64000000000ull /* two clocks keep their pace for longer than that */
#define HULL_TIME_SHIFT 16	       /* in units of 65 us products fit 64 bits */

void owd_init(struct owd *o)
{
	*o = (struct owd){.drift = DRIFT_MAX, .least_us = UINT32_MAX};
}

static const struct owd_point *point_at(const struct owd *o, uint32_t index)
{
	return &o->points[index % OWD_POINTS];
}

/* Does b lie on or above the line from a to c? */
static bool is_above(const struct owd_point *a, const struct owd_point *b,
		     const struct owd_point *c)
{
	int64_t ab = (int64_t)((b->time_ns - a->time_ns) >> HULL_TIME_SHIFT);
	int64_t ac = (int64_t)((c->time_ns - a->time_ns) >> HULL_TIME_SHIFT);

	return (b->delay_ns - a->delay_ns) * ac >= (c->delay_ns - a->delay_ns) * ab;
}

/* The corners of the points' lower convex hull, in order of time (Andrew's monotone chain). */
static uint32_t hull_make(const struct owd *o, const struct owd_point *corners[OWD_POINTS])
{
	uint32_t count = 0;

	for (uint32_t i = o->point_head; i != o->point_tail; i++) {
		const struct owd_point *point = point_at(o, i);

		while (count >= 2 && is_above(corners[count - 2], corners[count - 1], point))
			count--;
		corners[count++] = point;
	}
	return count;
}

static uint64_t points_mean_age(const struct owd *o, uint64_t now)
{
	uint64_t sum = 0;

	for (uint32_t i = o->point_head; i != o->point_tail; i++)
		sum += now - point_at(o, i)->time_ns;
	return sum / (o->point_tail - o->point_head);
}

static int64_t slope(const struct owd_point *a, const struct owd_point *b)
{
	int64_t rise = b->delay_ns - a->delay_ns;
	int64_t run = (int64_t)(b->time_ns - a->time_ns);
	int64_t rise_max = run * OWD_DRIFT_MAX_PPM / 1000000;

	if (rise >= rise_max)
		return DRIFT_MAX;
	return rise <= -rise_max ? -DRIFT_MAX : rise * (1ll << 32) / run;
}

/*
 * Of all lines with no point below, the one with the least sum of distances is the hull's edge at
 * the mean time. Queues only lift points, so they count for little while some points are free of
 * them. A least-squares line was no good: each queue bends it.
 */
static void drift_estimate(struct owd *o, uint64_t now)
{
	const struct owd_point *corners[OWD_POINTS];
	uint64_t mean_age;
	uint32_t count, i = 1;

	if (o->point_tail - o->point_head < OWD_POINTS_LEAST)
		return;
	count = hull_make(o, corners);
	mean_age = points_mean_age(o, now);
	while (i < count - 1 && now - corners[i]->time_ns > mean_age)
		i++;
	o->drift = slope(corners[i - 1], corners[i]);
}

/* The lowest of the last `count` slices that began within the window; false when there is none. */
static bool slices_least(const struct owd *o, uint32_t count, uint64_t now, struct owd_point *out)
{
	bool has_any = false;

	for (uint32_t i = 0; i < count && i < o->slice_count; i++) {
		const struct owd_point *slice = &o->slices[(o->slice_count - 1 - i) % OWD_SLICES];

		if (now - slice->time_ns > WINDOW_NS)
			break;
		if (has_any && owd_project(o, slice, now) >= owd_project(o, out, now))
			continue;
		*out = *slice;
		has_any = true;
	}
	return has_any;
}

/* A second's slices are complete: their least is a point of the drift's line. */
static void point_add(struct owd *o, uint64_t now)
{
	struct owd_point point;

	if (!slices_least(o, OWD_POINT_SLICES, now, &point))
		return;
	if (o->point_tail - o->point_head == OWD_POINTS)
		o->point_head++;
	o->points[o->point_tail++ % OWD_POINTS] = point;
	while (now - point_at(o, o->point_head)->time_ns > POINT_AGE_NS)
		o->point_head++;
	drift_estimate(o, now);
}

static void slice_start(struct owd *o, int64_t delay_us, uint64_t now)
{
	o->last_us = delay_us;
	o->slice_end_ns = now + OWD_SLICE_NS;
	o->slice_above_ns = INT64_MAX;
}

/* Another clock, or a delay beyond reason: what was known helps no more. Its zero neither. */
static uint32_t restart(struct owd *o, int64_t delay_us, uint64_t now)
{
	uint32_t least_us = o->least_us;

	delay_us = (int32_t)(uint32_t)delay_us;
	owd_init(o);
	o->least_us = least_us;
	o->has_delay = true;
	slice_start(o, delay_us, now);
	o->floor = (struct owd_point){.time_ns = now, .delay_ns = delay_us * 1000};
	return owd_excess(o, delay_us, now);
}

/*
 * A peer that lies a second more with each packet: so far from the slice before, products of delays
 * and times would no longer fit.
 */
static bool is_stray(const struct owd *o, int64_t delay_us)
{
	int64_t before_us;

	if (!o->slice_count)
		return false;
	before_us = o->slices[(o->slice_count - 1) % OWD_SLICES].delay_ns / 1000;
	return delay_us - before_us > OWD_STRAY_US || before_us - delay_us > OWD_STRAY_US;
}

uint32_t owd_roll(struct owd *o, int64_t delay_us, uint64_t now)
{
	int64_t step_us = delay_us - o->last_us;

	if (!o->has_delay || step_us > OWD_STEP_US || step_us < -OWD_STEP_US ||
	    is_stray(o, delay_us))
		return restart(o, delay_us, now);
	o->slices[o->slice_count++ % OWD_SLICES] = o->slice;
	if (o->slice_count % OWD_POINT_SLICES == 0)
		point_add(o, now);
	slice_start(o, delay_us, now);
	if (!slices_least(o, OWD_SLICES, now, &o->floor))
		o->floor = (struct owd_point){.time_ns = now, .delay_ns = delay_us * 1000};
	return owd_excess(o, delay_us, now);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Below this the shaper cannot go, unless the link itself is slower. */
static uint64_t floor_of(uint64_t nominal_bps)
{
	return smaller(larger(nominal_bps / LINK_FLOOR_SHARE, SHAPER_RATE_MIN_BPS), nominal_bps);
}

/* Rounded up. */
static uint32_t slack_time_us(uint32_t slack_bytes, uint64_t nominal_bps)
{
	return (uint32_t)smaller((slack_bytes * 8000000ull + nominal_bps - 1) / nominal_bps,
				 UINT32_MAX);
}

void link_rate_init(struct link_rate *l, uint64_t nominal_bps, uint32_t slack_bytes, uint64_t now)
{
	*l = (struct link_rate){
		.nominal_bps = nominal_bps,
		.slack_bytes = slack_bytes,
		.slack_us = slack_time_us(slack_bytes, nominal_bps),
		.rate_bps = nominal_bps,
		.floor_bps = floor_of(nominal_bps),
		.calm_since = now,
	};
}

static bool rate_set(struct link_rate *l, uint64_t rate_bps)
{
	uint64_t before = l->rate_bps;

	l->rate_bps = smaller(larger(rate_bps, l->floor_bps), l->nominal_bps);
	if (l->rate_bps < l->nominal_bps && !l->lowered)
		l->lowered_count++;
	l->lowered = l->rate_bps < l->nominal_bps;
	return l->rate_bps != before;
}

void link_rate_set_nominal(struct link_rate *l, uint64_t nominal_bps)
{
	uint64_t rate_bps = l->lowered ? l->rate_bps : nominal_bps;

	l->nominal_bps = nominal_bps;
	l->slack_us = slack_time_us(l->slack_bytes, nominal_bps);
	l->floor_bps = floor_of(nominal_bps);
	rate_set(l, rate_bps);
}

/* What a change needs to show, or excess to count. */
static uint64_t confirm_ns(uint64_t rtt_ns)
{
	return larger(rtt_ns, LINK_CONFIRM_MIN_NS);
}

/* True: the run has lasted. */
static bool run_on_feedback(struct link_run *run, bool is_above, uint64_t rtt_ns, uint64_t now)
{
	if (!is_above) {
		run->count = 0;
		return false;
	}
	if (!run->count)
		run->since = now;
	if (run->count < LINK_CONFIRM_COUNT)
		run->count++;
	return run->count == LINK_CONFIRM_COUNT && now - run->since > confirm_ns(rtt_ns);
}

/*
 * Near the rate that was too much, wait for the answer to each step: at 100 ms of RTT, steps of
 * 100 ms had put 19 ms of queue there before the first one was heard of.
 */
static uint64_t raise_interval(const struct link_rate *l, uint64_t rtt_ns)
{
	uint64_t margin = 2 * (l->nominal_bps / LINK_RAISE_SHARE);
	bool is_near =
		l->rate_bps + margin > l->ceiling_bps && l->rate_bps < l->ceiling_bps + margin;

	return is_near ? larger(LINK_RAISE_NS, LINK_RAISE_RTTS * rtt_ns) : LINK_RAISE_NS;
}

static bool raise_maybe(struct link_rate *l, uint64_t rtt_ns, uint64_t now)
{
	if (!l->lowered || now - l->calm_since < LINK_CALM_NS ||
	    now - l->raised_at < raise_interval(l, rtt_ns))
		return false;
	l->raised_at = now;
	l->has_raised = true;
	return rate_set(l, l->rate_bps + l->nominal_bps / LINK_RAISE_SHARE);
}

static void act(struct link_rate *l, uint64_t rtt_now, uint64_t now)
{
	l->acted_at = now;
	l->shows_ns = confirm_ns(rtt_now);
	l->has_mark = false;
}

static bool lower_to(struct link_rate *l, uint64_t target_bps, uint64_t ceiling_bps)
{
	l->has_raised = false;
	l->ceiling_bps = ceiling_bps;
	return rate_set(l, target_bps);
}

/* The last raise was one too many. A little below what the link delivers, or nothing drains. */
static bool take_back(struct link_rate *l, uint64_t rtt_now, uint64_t delivered_bps, uint64_t now)
{
	uint64_t ceiling = l->rate_bps;
	uint64_t target = l->rate_bps - l->nominal_bps / LINK_RAISE_SHARE;

	if (!l->has_raised || now - l->raised_at > LINK_CALM_NS)
		return false;
	if (delivered_bps) {
		ceiling = smaller(ceiling, delivered_bps);
		target = smaller(target, ceiling - ceiling / 64);
	}
	act(l, rtt_now, now);
	return lower_to(l, target, ceiling);
}

/*
 * Excess lasts. What is sent less shows one round trip later, so act once per two, and not at all
 * while the queue drains: a rate below what the link delivers is low enough. The round trip is the
 * one of that moment: the present one may grow as fast as time goes by.
 */
static bool lower_maybe(struct link_rate *l, uint32_t excess_us, uint64_t rtt_now,
			uint64_t delivered_bps, uint64_t now)
{
	uint64_t since = now - l->acted_at, ceiling = l->rate_bps;
	bool drains;

	if (l->acted_at && !l->has_mark && since >= l->shows_ns) {
		l->mark_us = excess_us;
		l->has_mark = true;
	}
	if (l->acted_at && since < 2 * l->shows_ns)
		return false;
	drains = l->has_mark && excess_us < l->mark_us;
	act(l, rtt_now, now);
	if (drains)
		return false;
	if (delivered_bps)
		ceiling = smaller(ceiling, delivered_bps);
	return lower_to(l, ceiling / 10 * 9, ceiling);
}

/*
 * Without this, on a good 10 Mb/s link a burst of 20 kB, 16 ms long, was a queue in each ACK, and
 * the rate fell to its floor.
 */
static uint64_t beyond_slack(const struct link_rate *l, uint64_t delay_us)
{
	return delay_us > l->slack_us ? delay_us - l->slack_us : 0;
}

bool link_rate_on_feedback(struct link_rate *l, uint32_t queue_us, uint64_t rtt_now,
			   uint64_t rtt_min_ns, uint64_t delivered_bps, uint64_t now)
{
	uint32_t excess_us = (uint32_t)beyond_slack(l, queue_us);
	uint64_t threshold_us =
		larger(LINK_EXCESS_MIN_US, rtt_min_ns / 1000 / LINK_EXCESS_RTT_SHARE);
	uint64_t hint_us = larger(LINK_HINT_MIN_US, threshold_us / LINK_HINT_SHARE);
	uint64_t grown_us =
		beyond_slack(l, rtt_now > rtt_min_ns ? (rtt_now - rtt_min_ns) / 1000 : 0);
	uint64_t agreed_us = grown_us >= excess_us / 2 ? excess_us : 0;
	bool is_excess = run_on_feedback(&l->excess, agreed_us >= threshold_us, rtt_min_ns, now);
	bool is_hint = run_on_feedback(&l->hint, agreed_us >= hint_us, rtt_min_ns, now);

	if (run_on_feedback(&l->grown, grown_us >= threshold_us, rtt_min_ns, now) || is_hint)
		l->calm_since = now;
	if (!l->excess.count)
		l->has_mark = false;
	if (is_excess)
		return lower_maybe(l, excess_us, rtt_now, delivered_bps, now);
	if (is_hint)
		return take_back(l, rtt_now, delivered_bps, now);
	return l->hint.count ? false : raise_maybe(l, rtt_min_ns, now);
}

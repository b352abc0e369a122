/*
 * A queue on a link that should have none: seen by its delay, answered by a lower rate. Pure; the
 * receiver's half (struct owd) belongs to the worker that receives the lane, the sender's half
 * (struct link_rate) to the one that paces the link.
 *
 * struct owd measures one-way delay above the least of the last two seconds. The two clocks share
 * neither zero nor pace: their zero cancels out, and their drift, up to OWD_DRIFT_MAX_PPM, is the
 * slope of the line below the minima of the last half minute (Moon, Skelly and Towsley 1999,
 * "Estimation and removal of clock skew from network delay measurements"). Until three seconds of
 * minima are there, the largest drift is taken for granted: queues then look up to 0.5 ms smaller,
 * never larger.
 *
 * struct link_rate keeps 10 % of nominal <= rate <= nominal (and never below the shaper's least).
 * It lowers only when delay and round trip agree for longer than a round trip, so neither loss, nor
 * drift, nor jitter below the threshold can lower it. What the sender itself puts on the link at
 * once, a pacer's burst and packets of unlike length, is no queue either: its bytes are the slack,
 * and the time that they take at the nominal rate is taken off both delay and round trip first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OWD_SLICES	  8
#define OWD_SLICE_NS	  250000000ull /* eight: the window of two seconds */
#define OWD_POINTS	  32	       /* minima of one second each, for the drift */
#define OWD_POINT_SLICES  4
#define OWD_POINTS_LEAST  4
#define OWD_DRIFT_MAX_PPM 150 /* two clocks of 50 ppm each, and what a queue adds to the slope */
#define OWD_STEP_US	  1000000  /* a delay that jumps by more: another clock, start again */
#define OWD_STRAY_US	  10000000 /* or that creeps further than this in one slice */

#define LINK_EXCESS_MIN_US    200	    /* the threshold: this, */
#define LINK_EXCESS_RTT_SHARE 20	    /* or a 20th of the round trip */
#define LINK_HINT_SHARE	      4		    /* a quarter of it takes the last raise back, */
#define LINK_HINT_MIN_US      100	    /* not less than this */
#define LINK_CONFIRM_MIN_NS   10000000ull   /* shorter than a turn of the CPU proves nothing */
#define LINK_CONFIRM_COUNT    4		    /* feedbacks in a row */
#define LINK_FLOOR_SHARE      10	    /* a tenth of nominal */
#define LINK_CALM_NS	      1000000000ull /* without excess, then */
#define LINK_RAISE_NS	      100000000ull  /* in each such interval */
#define LINK_RAISE_SHARE      50	    /* a 50th of nominal more */
#define LINK_RAISE_RTTS	      3		    /* where it was too much before: this long at least */

struct owd_point {
	uint64_t time_ns;
	int64_t delay_ns; /* receiver's clock - sender's clock */
};

struct owd {
	bool has_delay;
	int64_t last_us;	/* the last packet's delay, unwrapped */
	int64_t drift;		/* of delay per time, * 2^32 */
	uint64_t slice_end_ns;	/* the current slice ends then */
	struct owd_point floor; /* least of the window, the drift considered */
	struct owd_point slice; /* least of the current slice, */
	int64_t slice_above_ns; /* and how far above floor it is */
	uint32_t least_us;	/* least excess since owd_take; UINT32_MAX: no packet */

	uint32_t slice_count; /* ended ones: free-running index of a ring */
	struct owd_point slices[OWD_SLICES];
	uint32_t point_head, point_tail; /* the same: tail - head are in it */
	struct owd_point points[OWD_POINTS];
};

/* Nothing is known; also when the sender starts a new life. */
void owd_init(struct owd *o);
/* Slow path of owd_on_packet: first packet, step, or a slice ended. */
uint32_t owd_roll(struct owd *o, int64_t delay_us, uint64_t now);

/* What the delay of `point` would be by now, were it only for the drift. */
static inline int64_t owd_project(const struct owd *o, const struct owd_point *point, uint64_t now)
{
	return point->delay_ns + (((int64_t)(now - point->time_ns) * o->drift) >> 32);
}

static inline uint32_t owd_excess(struct owd *o, int64_t delay_us, uint64_t now)
{
	struct owd_point point = {.time_ns = now, .delay_ns = delay_us * 1000};
	int64_t above = point.delay_ns - owd_project(o, &o->floor, now);
	uint32_t excess_us;

	if (above <= 0) {
		above = 0;
		o->floor = point;
		o->slice_above_ns = INT64_MAX;
	}
	if (above < o->slice_above_ns) {
		o->slice_above_ns = above;
		o->slice = point;
	}
	excess_us = (uint32_t)((uint64_t)above / 1000);
	if (excess_us < o->least_us)
		o->least_us = excess_us;
	return excess_us;
}

/*
 * A packet of this link came, send_time_us by the sender's wrapping clock, now by ours. Returns the
 * excess of its one-way delay in us.
 */
static inline uint32_t owd_on_packet(struct owd *o, uint32_t send_time_us, uint64_t now)
{
	/* The clocks' zero is lost in the wrapping; from packet to packet delay moves little. */
	uint32_t wrapped = (uint32_t)(now / 1000) - send_time_us;
	int32_t step_us = (int32_t)(wrapped - (uint32_t)o->last_us);
	int64_t delay_us = o->last_us + step_us;

	if (now >= o->slice_end_ns || step_us > OWD_STEP_US || step_us < -OWD_STEP_US)
		return owd_roll(o, delay_us, now);
	o->last_us = delay_us;
	return owd_excess(o, delay_us, now);
}

/* The least excess since the last call, for an ACK: one late packet is no queue. 0: no packet. */
static inline uint32_t owd_take(struct owd *o)
{
	uint32_t least_us = o->least_us;

	o->least_us = UINT32_MAX;
	return least_us == UINT32_MAX ? 0 : least_us;
}

/* A run of feedbacks above some level. */
struct link_run {
	uint32_t count;
	uint64_t since;
};

struct link_rate {
	uint64_t nominal_bps;
	uint32_t slack_bytes;
	uint32_t slack_us; /* the same at the nominal rate */
	uint64_t rate_bps;
	uint64_t floor_bps;
	uint64_t ceiling_bps;	/* what the link delivered when it was last too slow */
	bool lowered;		/* the rate is below nominal */
	bool has_raised;	/* since it was last lowered */
	uint32_t lowered_count; /* events: times that `lowered` became true */

	struct link_run excess, hint, grown;
	uint64_t calm_since; /* none of the three has lasted since then */
	uint64_t raised_at;
	uint64_t acted_at; /* lowered, or left to drain, then; 0: never */
	uint64_t shows_ns; /* after that time it shows effect: the round trip then */
	uint32_t mark_us;  /* excess when it did */
	bool has_mark;
};

/*
 * nominal_bps: what control says that the link carries, as bytes on the wire (pacer.h).
 * slack_bytes: what may stand on a good link: the pacer's burst and two of the largest frames, the
 * one that the pacer lets go beyond its burst and the difference between a small one and a large.
 */
void link_rate_init(struct link_rate *l, uint64_t nominal_bps, uint32_t slack_bytes, uint64_t now);
/* A new nominal rate; a lowered link keeps its present rate if that is less. */
void link_rate_set_nominal(struct link_rate *l, uint64_t nominal_bps);
/*
 * An ACK came: the queue it reports, a round trip and the least of the last seconds (ns), and the
 * rate at which the link delivered lately, in the same bytes as nominal; 0: not known (a link that
 * lost more than half is then found slowly). True: the rate has changed.
 */
bool link_rate_on_feedback(struct link_rate *l, uint32_t queue_us, uint64_t rtt_now,
			   uint64_t rtt_min_ns, uint64_t delivered_bps, uint64_t now);

static inline uint64_t link_rate_bps(const struct link_rate *l)
{
	return l->rate_bps;
}

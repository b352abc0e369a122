#include "dataplane/dpdk/lan.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "dataplane/dpdk/worker.h"

/* What may go at once: a little more than an adaptive worker misses in a short sleep. */
#define BURST_NS    100000
#define BURST_LEAST 32768u
#define BURST_MOST  (1u << 20)
/* Of the packets that may wait in queues, for classes that are never paused, when others are. */
#define REST_PART 8
/* Later than the far LAN's guard, which frees our queue: a pause that was relayed is no storm. */
#define OUR_STUCK_NS (PFC_STUCK_NS * 3 / 2)
/* A storm that goes on is told of this often. */
#define TELL_NS 1000000000ull

static uint64_t speed_clamped(uint64_t bps)
{
	return RTE_MIN(RTE_MAX(bps, (uint64_t)SHAPER_RATE_MIN_BPS), (uint64_t)SHAPER_RATE_MAX_BPS);
}

static void pace_init(struct worker *w, uint32_t port)
{
	uint64_t speed = speed_clamped(w->ports[port].speed_bps);
	uint64_t burst = speed / 8 * BURST_NS / 1000000000;
	struct lan *lan = &w->port[port].lan;

	if (w->ports[port].role != CW_PORT_LAN || !w->ports[port].speed_bps)
		return;
	burst = RTE_MIN(RTE_MAX(burst, (uint64_t)BURST_LEAST), (uint64_t)BURST_MOST);
	pacer_init(&lan->pacer, speed, (uint32_t)burst, w->now_ns);
	share_init(&lan->share, w->count, w->index);
	lan->is_paced = true;
}

static bool class_has_priority(const struct port *port, uint32_t class)
{
	return port->has_pfc && port->priority[class] < PFC_PRIORITIES;
}

static uint8_t classes_of(const struct port *port)
{
	uint8_t classes = 0;

	for (uint32_t class = 0; class < CLASS_COUNT; class ++)
		if (class_has_priority(port, class))
			classes |= (uint8_t)(1u << class);
	return classes;
}

static int pause_create(struct worker *w, uint32_t index)
{
	const struct port *port = &w->ports[index];
	struct lan *lan = &w->port[index].lan;
	uint64_t shares[PFC_PRIORITIES];
	struct lan_pause *pause;

	/* The machine pauses at half of a share. Of all: which ones classes have may change. */
	for (uint32_t priority = 0; priority < PFC_PRIORITIES; priority++)
		shares[priority] = 2 * LAN_LEVEL_FULL;
	pause = rte_zmalloc("pause", sizeof(*pause), RTE_CACHE_LINE_SIZE);
	if (!pause)
		return -ENOMEM;
	lan->pause = pause;
	pause->classes = classes_of(port);
	memcpy(pause->priority, port->priority, sizeof(pause->priority));
	pfc_out_init(&pause->out, port->mac, speed_clamped(port->speed_bps), OUR_STUCK_NS, shares);
	pfc_in_init(&pause->in, speed_clamped(port->speed_bps), PFC_STUCK_NS);
	return 0;
}

uint32_t lan_queued_min(uint32_t ring_frames, uint32_t classes)
{
	return ring_frames * 2 * classes * REST_PART / (REST_PART - 1) + REST_PART;
}

/* Classes that can be lossless get equal parts, the others together a smaller one. */
static void shares_init(struct worker *w)
{
	uint32_t rest = w->queued_max, count;
	uint8_t classes = 0;

	for (uint32_t i = 0; i < w->port_count; i++)
		if (w->ports[i].role == CW_PORT_LAN)
			classes |= classes_of(&w->ports[i]);
	count = (uint32_t)__builtin_popcount(classes);
	if (count)
		rest /= REST_PART;
	w->shares[0].max = rest;
	count = 0;
	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		struct lan_share *share = &w->shares[count + 1];

		if (!(classes >> class & 1))
			continue;
		w->share_of[class] = (uint8_t)++count;
		share->max = (w->queued_max - rest) / (uint32_t)__builtin_popcount(classes);
		share->level = LAN_LEVEL_PER(RTE_MAX(share->max / 2, 1u));
	}
	w->has_pauses = count != 0;
}

int lan_create(struct worker *w)
{
	shares_init(w);
	for (uint32_t i = 0; i < w->port_count; i++) {
		const struct port *port = &w->ports[i];

		pace_init(w, i);
		if (port->role != CW_PORT_LAN || !port->has_pfc)
			continue;
		w->port[i].lan.lossless = classes_of(port);
		if (w->index == 0 && pause_create(w, i))
			return -ENOMEM;
	}
	return 0;
}

void lan_free(struct worker *w)
{
	for (uint32_t i = 0; i < w->port_count; i++)
		rte_free(w->port[i].lan.pause);
}

void lan_priorities_set(struct worker *w, const uint8_t priorities[CLASS_COUNT])
{
	for (uint32_t i = 0; i < w->port_count; i++) {
		struct lan_pause *pause = w->port[i].lan.pause;

		for (uint32_t class = 0; pause && class < CLASS_COUNT; class ++) {
			bool is_given = priorities[class] < PFC_PRIORITIES;

			pause->priority[class] =
				is_given ? priorities[class] : w->ports[i].priority[class];
		}
	}
}

/* ---- how full it is here ---- */

static uint64_t path_level(const struct path *path)
{
	uint64_t by_bytes = queue_bytes(&path->queue) * path->level_per_byte;
	uint64_t by_packets = queue_packets(&path->queue) * path->level_per_packet;

	return RTE_MAX(by_bytes, by_packets) >> 32;
}

static uint64_t share_level(const struct worker *w, uint32_t class)
{
	const struct lan_share *share = &w->shares[w->share_of[class]];

	return share->packets * share->level >> 32;
}

static void levels_find(struct worker *w, uint32_t port)
{
	struct lan *lan = &w->port[port].lan;
	uint64_t levels[CLASS_COUNT];

	for (uint32_t class = 0; class < CLASS_COUNT; class ++)
		levels[class] = share_level(w, class);
	for (uint32_t i = 0; i < w->active_count; i++) {
		const struct path *path = w->active[i];
		uint32_t class = path->intent.class % CLASS_COUNT;

		if (queue_packets(&path->queue) && path->fed >> port & 1)
			levels[class] = RTE_MAX(levels[class], path_level(path));
	}
	for (uint32_t class = 0; class < CLASS_COUNT; class ++)
		__atomic_store_n(&lan->levels[class],
				 (uint32_t)RTE_MIN(levels[class], (uint64_t)UINT32_MAX),
				 __ATOMIC_RELAXED);
}

/* ---- worker 0 ---- */

/*
 * Each worker has a share of its own, so the fullest one decides. A priority that several classes
 * bear is as full as the fullest of these.
 */
static void fills_set(struct worker *w, uint32_t port)
{
	struct lan_pause *pause = w->port[port].lan.pause;
	uint32_t fills[PFC_PRIORITIES] = {0};

	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		uint8_t priority = pause->priority[class];

		if (!(pause->classes >> class & 1))
			continue;
		for (uint32_t i = 0; i < w->count; i++) {
			uint32_t level = __atomic_load_n(&w->peers[i]->port[port].lan.levels[class],
							 __ATOMIC_RELAXED);

			fills[priority] = RTE_MAX(fills[priority], level);
		}
	}
	for (uint32_t priority = 0; priority < PFC_PRIORITIES; priority++)
		pfc_out_set_fill(&pause->out, priority, fills[priority], w->now_ns);
}

static void masks_find(struct worker *w, uint32_t port)
{
	struct lan *lan = &w->port[port].lan;
	const struct lan_pause *pause = lan->pause;
	uint8_t lossless = 0, held = 0, shed = 0;

	for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
		uint8_t priority = pause->priority[class];
		uint8_t bit = (uint8_t)(1u << class);

		if (!(pause->classes & bit))
			continue;
		if (!pfc_out_is_stuck(&pause->out, priority))
			lossless |= bit;
		if (pfc_in_is_paused(&pause->in, priority, w->now_ns))
			held |= bit;
		if (pfc_in_is_stuck(&pause->in, priority, w->now_ns))
			shed |= bit;
	}
	__atomic_store_n(&lan->lossless, lossless, __ATOMIC_RELAXED);
	__atomic_store_n(&lan->held, held, __ATOMIC_RELAXED);
	__atomic_store_n(&lan->shed, shed, __ATOMIC_RELAXED);
}

/* In front of all data. Without a buffer the machine is not asked, so nothing is lost but time. */
static void pauses_send(struct worker *w, uint32_t port)
{
	struct pfc_out *out = &w->port[port].lan.pause->out;
	struct txq *tx = &w->port[port].tx;

	while (pfc_out_deadline(out, w->now_ns) <= w->now_ns && txq_has_place(tx)) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(w->ports[port].pool);
		char *frame = mbuf ? rte_pktmbuf_append(mbuf, PFC_FRAME_BYTES) : NULL;

		if (!frame)
			return;
		if (!pfc_out_poll(out, w->now_ns, (uint8_t *)frame)) {
			rte_pktmbuf_free(mbuf);
			return;
		}
		txq_put_first(tx, mbuf);
	}
}

static void storm_tell(struct worker *w, uint32_t port, uint8_t priorities, bool is_ours)
{
	struct event event = {.type = EVENT_STORM, .index = port};

	event.storm.priorities = priorities;
	event.storm.is_ours = is_ours;
	worker_event(w, &event);
}

static void storms_tell(struct worker *w, uint32_t port)
{
	struct lan_pause *pause = w->port[port].lan.pause;
	uint8_t in = pause->in.stuck & ~pause->told_in, out = pause->out.stuck & ~pause->told_out;

	if ((in || out) && (int64_t)(w->now_ns - pause->told_ns) < 0)
		return;
	if (in)
		storm_tell(w, port, in, false);
	if (out)
		storm_tell(w, port, out, true);
	if (in || out)
		pause->told_ns = w->now_ns + TELL_NS;
	pause->told_in = pause->in.stuck;
	pause->told_out = pause->out.stuck;
}

static void owner_turn(struct worker *w, uint32_t port)
{
	struct lan_pause *pause = w->port[port].lan.pause;

	fills_set(w, port);
	pauses_send(w, port);
	pfc_in_poll(&pause->in, w->now_ns);
	masks_find(w, port);
	storms_tell(w, port);
}

/* ---- all workers ---- */

static void masks_copy(struct worker *w, uint32_t port)
{
	const struct lan *from = &w->peers[0]->port[port].lan;
	struct lan *to = &w->port[port].lan;

	to->lossless = __atomic_load_n(&from->lossless, __ATOMIC_RELAXED);
	to->held = __atomic_load_n(&from->held, __ATOMIC_RELAXED);
	to->shed = __atomic_load_n(&from->shed, __ATOMIC_RELAXED);
}

void lan_turn(struct worker *w)
{
	for (uint32_t i = 0; i < w->port_count; i++) {
		if (w->ports[i].role != CW_PORT_LAN || !w->ports[i].has_pfc)
			continue;
		levels_find(w, i);
		if (w->port[i].lan.pause)
			owner_turn(w, i);
		else
			masks_copy(w, i);
	}
}

void lan_on_pause(struct worker *w, uint32_t port, struct rte_mbuf *mbuf)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct lan_pause *pause = w->port[port].lan.pause;
	struct pfc_frame frame;

	if (w->ports[port].has_pfc && w->index != 0) {
		mbuf->port = (uint16_t)port;
		if (rte_ring_sp_enqueue(w->handoff_out[0], mbuf))
			port_drop(w, port, mbuf, DROP_HANDOFF);
		return;
	}
	/* In mode packet we may see what we sent. */
	if (pause && pfc_frame_parse(bytes, rte_pktmbuf_data_len(mbuf), &frame) &&
	    memcmp(bytes + 6, w->ports[port].mac, 6) != 0) {
		pfc_in_on_frame(&pause->in, &frame, w->now_ns);
		masks_find(w, port);
	}
	rte_pktmbuf_free(mbuf);
}

static void pace_share(struct worker *w, uint32_t port)
{
	uint64_t sent[SHARE_WORKERS_MAX], rate = speed_clamped(w->ports[port].speed_bps);
	struct lan *lan = &w->port[port].lan;

	for (uint32_t i = 0; i < w->count; i++)
		sent[i] = w->peers[i]->port[port].counters->tx_bytes;
	rate = share_update(&lan->share, sent, rate);
	pacer_set_rate(&lan->pacer, speed_clamped(rate), w->now_ns);
}

/* Pauses that last count as far as they have come. */
static uint64_t lasting_ns(uint8_t paused, const uint64_t since_ns[], uint64_t now_ns)
{
	uint64_t sum = 0;

	for (uint32_t priority = 0; priority < PFC_PRIORITIES; priority++)
		if (paused >> priority & 1)
			sum += now_ns - since_ns[priority];
	return sum;
}

static void pauses_publish(struct worker *w, uint32_t port)
{
	struct cw_port_counters *counters = w->port[port].counters;
	const struct lan_pause *pause = w->port[port].lan.pause;
	struct pfc_counters out = {0}, in = {0};

	for (uint32_t priority = 0; priority < PFC_PRIORITIES; priority++) {
		out.pauses += pause->out.counters[priority].pauses;
		out.paused_ns += pause->out.counters[priority].paused_ns;
		out.stuck += pause->out.counters[priority].stuck;
		in.pauses += pause->in.counters[priority].pauses;
		in.paused_ns += pause->in.counters[priority].paused_ns;
		in.stuck += pause->in.counters[priority].stuck;
	}
	counters->pfc_sent = pause->out.frames;
	counters->pfc_received = pause->in.frames;
	counters->pauses_sent = out.pauses;
	counters->pause_sent_ns =
		out.paused_ns + lasting_ns(pause->out.paused, pause->out.since_ns, w->now_ns);
	counters->pauses_obeyed = in.pauses;
	counters->pause_obeyed_ns =
		in.paused_ns + lasting_ns(pause->in.paused, pause->in.since_ns, w->now_ns);
	counters->storms = out.stuck + in.stuck;
}

void lan_tend(struct worker *w)
{
	for (uint32_t i = 0; i < w->port_count; i++) {
		if (w->port[i].lan.is_paced && w->count > 1)
			pace_share(w, i);
		if (w->port[i].lan.pause)
			pauses_publish(w, i);
	}
}

#include "dataplane/core/cnp.h"

#include <errno.h>

#define ALL_SLOTS  0xffffu
#define SPAN_MAX   (1 << 22) /* width of a PSN range: far from half the circle */
#define PORT_VOTES 2

_Static_assert(CNP_QPS == 16, "candidates, used and linked have 16 bits");

enum fit {
	FIT_NO,	   /* that request was not sent to it */
	FIT_MAYBE, /* before we looked */
	FIT_YES,
};

int cnp_init(struct cnp *c, struct cnp_pair *pairs, uint32_t pair_count)
{
	if (pair_count < CNP_WAYS || pair_count & (pair_count - 1))
		return -EINVAL;
	*c = (struct cnp){.pairs = pairs, .mask = pair_count - 1};
	for (uint32_t i = 0; i < pair_count; i++)
		pairs[i].is_used = false;
	return 0;
}

static uint32_t bit_of(uint32_t slot)
{
	return 1u << slot;
}

static uint32_t lowest(uint32_t slots)
{
	return (uint32_t)__builtin_ctz(slots);
}

static uint32_t pair_hash(const struct ip_addr *near, const struct ip_addr *far)
{
	uint64_t h = bytes_load64(near->bytes) ^ bytes_load64(far->bytes) * 0x9e3779b97f4a7c15ull;

	h ^= bytes_load64(near->bytes + 8) * 0xff51afd7ed558ccdull;
	h += bytes_load64(far->bytes + 8) * 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

/* The pair's entry; the longest unseen of its set gives way. */
static struct cnp_pair *pair_find(struct cnp *c, const struct ip_addr *near,
				  const struct ip_addr *far, uint64_t now)
{
	uint32_t first = pair_hash(near, far) & c->mask & ~(CNP_WAYS - 1u);
	struct cnp_pair *oldest = &c->pairs[first];

	for (uint32_t way = 0; way < CNP_WAYS; way++) {
		struct cnp_pair *pair = &c->pairs[first + way];

		if (pair->is_used && ip_addr_equal(&pair->near, near) &&
		    ip_addr_equal(&pair->far, far)) {
			pair->seen_ns = now;
			return pair;
		}
		if (!oldest->is_used)
			continue;
		if (!pair->is_used || now - pair->seen_ns > now - oldest->seen_ns)
			oldest = pair;
	}
	c->evicted_pairs += oldest->is_used;
	*oldest = (struct cnp_pair){.near = *near, .far = *far, .seen_ns = now, .is_used = true};
	return oldest;
}

static void link_slots(struct cnp *c, struct cnp_pair *pair, uint32_t side, uint32_t slot,
		       uint32_t peer_slot)
{
	struct cnp_qp *qp = &pair->qps[side][slot];
	struct cnp_qp *peer = &pair->qps[!side][peer_slot];

	qp->peer = (uint8_t)peer_slot;
	qp->peer_qpn = pair->qpns[!side][peer_slot];
	peer->peer = (uint8_t)slot;
	peer->peer_qpn = pair->qpns[side][slot];
	pair->linked[side] = (uint16_t)(pair->linked[side] | bit_of(slot));
	pair->linked[!side] = (uint16_t)(pair->linked[!side] | bit_of(peer_slot));
	c->links++;
}

/* A QP that is new or free again may be the one that the others of the other side look for. */
static void candidates_widen(struct cnp_pair *pair, uint32_t side, uint32_t slot)
{
	for (uint32_t i = 0; i < CNP_QPS; i++) {
		struct cnp_qp *other = &pair->qps[!side][i];

		other->candidates = (uint16_t)(other->candidates | bit_of(slot));
		other->votes = 0;
	}
}

/* Both ends are to be had again. */
static void unlink_slot(struct cnp_pair *pair, uint32_t side, uint32_t slot)
{
	struct cnp_qp *qp = &pair->qps[side][slot];
	uint32_t peer_slot = qp->peer;
	struct cnp_qp *peer = &pair->qps[!side][peer_slot];

	if (!qp->peer_qpn)
		return;
	pair->linked[side] = (uint16_t)(pair->linked[side] & ~bit_of(slot));
	pair->linked[!side] = (uint16_t)(pair->linked[!side] & ~bit_of(peer_slot));
	peer->peer_qpn = qp->peer_qpn = 0;
	peer->candidates = qp->candidates = ALL_SLOTS;
	peer->port_votes = qp->port_votes = 0;
	candidates_widen(pair, side, slot);
	candidates_widen(pair, !side, peer_slot);
}

/* CNP_QPS: all places are taken by QPs in use. */
static uint32_t place_find(const struct cnp_pair *pair, uint32_t side, uint64_t now)
{
	uint32_t vacant = ~(uint32_t)pair->used[side] & ALL_SLOTS;
	uint32_t oldest = 0;

	if (vacant)
		return lowest(vacant);
	for (uint32_t slot = 1; slot < CNP_QPS; slot++)
		if (now - pair->qps[side][slot].seen_ns > now - pair->qps[side][oldest].seen_ns)
			oldest = slot;
	return now - pair->qps[side][oldest].seen_ns > CNP_IDLE_NS ? oldest : CNP_QPS;
}

static uint32_t slot_add(struct cnp *c, struct cnp_pair *pair, uint32_t side, uint32_t qpn,
			 uint64_t now)
{
	uint32_t slot = place_find(pair, side, now);

	if (slot == CNP_QPS) {
		pair->is_crowded = true;
		pair->crowded_ns = now;
		c->crowded++;
		return slot;
	}
	if (pair->used[side] & bit_of(slot))
		unlink_slot(pair, side, slot);
	pair->used[side] = (uint16_t)(pair->used[side] | bit_of(slot));
	pair->qpns[side][slot] = qpn;
	pair->qps[side][slot] = (struct cnp_qp){.candidates = ALL_SLOTS};
	candidates_widen(pair, side, slot);
	return slot;
}

static uint32_t slot_find(struct cnp *c, struct cnp_pair *pair, uint32_t side, uint32_t qpn,
			  uint64_t now)
{
	for (uint32_t slot = 0; slot < CNP_QPS; slot++)
		if (pair->qpns[side][slot] == qpn && pair->used[side] & bit_of(slot))
			return slot;
	return slot_add(c, pair, side, qpn, now);
}

static void requests_begin(struct cnp_pair *pair, uint32_t side, uint32_t slot, uint32_t psn,
			   uint64_t now)
{
	struct cnp_qp *qp = &pair->qps[side][slot];

	unlink_slot(pair, side, slot);
	candidates_widen(pair, side, slot);
	qp->has_requests = true;
	qp->first_psn = qp->epoch_psn = qp->newest_psn = psn;
	qp->began_ns = qp->epoch_ns = now;
}

/* Requests of the last epoch and of this one count; older ones were answered long ago. */
static void epoch_turn(struct cnp_qp *qp, uint64_t now)
{
	if (now - qp->epoch_ns < CNP_EPOCH_NS)
		return;
	qp->first_psn = qp->epoch_psn;
	qp->epoch_psn = qp->newest_psn;
	qp->epoch_ns = now;
}

static void on_request(struct cnp_pair *pair, uint32_t side, uint32_t slot, const struct roce *roce,
		       uint64_t now)
{
	struct cnp_qp *qp = &pair->qps[side][slot];
	uint32_t last = (roce->psn + roce->psn_span - 1) & ROCE_PSN_MASK;
	int32_t ahead = roce_psn_diff(roce->psn, qp->newest_psn);

	if (!qp->has_requests || ahead > CNP_PSN_JUMP || ahead < -CNP_PSN_JUMP)
		requests_begin(pair, side, slot, roce->psn, now);
	else if (now - qp->asked_ns > CNP_IDLE_NS)
		candidates_widen(pair, side, slot);
	qp->asked_ns = now;
	epoch_turn(qp, now);
	if (roce_psn_diff(last, qp->newest_psn) > 0)
		qp->newest_psn = last;
	if (roce_psn_diff(roce->psn, qp->first_psn) < 0) /* sent again */
		qp->first_psn = roce->psn;
	if (roce_psn_diff(qp->newest_psn, qp->first_psn) > SPAN_MAX)
		qp->first_psn = (qp->newest_psn - SPAN_MAX) & ROCE_PSN_MASK;
}

static enum fit fit_of(const struct cnp_qp *qp, uint32_t psn, uint64_t now)
{
	if (!qp->has_requests)
		return FIT_MAYBE;
	if (roce_psn_diff(psn, qp->newest_psn) > 0 || now - qp->asked_ns > CNP_IDLE_NS)
		return FIT_NO;
	if (roce_psn_diff(psn, qp->first_psn) >= 0)
		return FIT_YES;
	if (now - qp->began_ns > CNP_IDLE_NS)
		return FIT_NO;
	return roce_psn_diff(qp->first_psn, psn) > CNP_PSN_JUMP ? FIT_NO : FIT_MAYBE;
}

/* Can a response with this PSN not be to the QP's requests? A late one does not break a link. */
static bool contradicts(const struct cnp_qp *qp, uint32_t psn)
{
	int32_t ahead = roce_psn_diff(psn, qp->newest_psn);

	return qp->has_requests && (ahead > 0 || ahead < -SPAN_MAX - CNP_PSN_JUMP);
}

static bool vote_is_contested(const struct cnp_pair *pair, uint32_t side, uint32_t slot,
			      uint32_t candidate, uint64_t now)
{
	uint32_t rivals = pair->used[side] & ~(uint32_t)pair->linked[side] & ~bit_of(slot);

	for (; rivals; rivals &= rivals - 1) {
		const struct cnp_qp *rival = &pair->qps[side][lowest(rivals)];

		if (rival->votes && rival->candidates & bit_of(candidate) &&
		    now - rival->seen_ns < CNP_IDLE_NS)
			return true;
	}
	return pair->is_crowded && now - pair->crowded_ns < CNP_IDLE_NS;
}

/* The candidates whose requests this response fits go to *fitting; those it cannot answer are
 * struck off. */
static void candidates_narrow(const struct cnp_pair *pair, uint32_t side, struct cnp_qp *qp,
			      uint32_t psn, uint64_t now, uint32_t *fitting)
{
	uint32_t left = qp->candidates & pair->used[!side] & ~(uint32_t)pair->linked[!side];
	uint32_t kept = 0;

	*fitting = 0;
	for (; left; left &= left - 1) {
		uint32_t slot = lowest(left);
		enum fit fit = fit_of(&pair->qps[!side][slot], psn, now);

		if (fit != FIT_NO)
			kept |= bit_of(slot);
		if (fit == FIT_YES)
			*fitting |= bit_of(slot);
	}
	qp->candidates = (uint16_t)kept;
}

/* Of these, the one whose port is made of both QPNs, if there is just one; else CNP_QPS. */
static uint32_t port_match(const struct cnp_pair *pair, uint32_t side, uint32_t slot,
			   uint32_t fitting)
{
	uint32_t match = CNP_QPS;

	for (; fitting; fitting &= fitting - 1) {
		uint32_t other = lowest(fitting);
		uint16_t port = roce_linux_port(pair->qpns[side][slot], pair->qpns[!side][other]);

		if (pair->qps[!side][other].port != port)
			continue;
		if (match != CNP_QPS)
			return CNP_QPS;
		match = other;
	}
	return match;
}

static void on_response(struct cnp *c, struct cnp_pair *pair, uint32_t side, uint32_t slot,
			uint32_t psn, uint64_t now)
{
	struct cnp_qp *qp = &pair->qps[side][slot];
	uint32_t fitting, by_port;

	if (qp->peer_qpn) {
		if (!contradicts(&pair->qps[!side][qp->peer], psn))
			return;
		unlink_slot(pair, side, slot);
		c->broken++;
	}
	candidates_narrow(pair, side, qp, psn, now, &fitting);
	if (!qp->candidates) {
		qp->candidates = ALL_SLOTS;
		qp->votes = qp->port_votes = 0;
		return;
	}
	if (!fitting || (qp->voted_psn == psn && (qp->votes || qp->port_votes)))
		return; /* a repeated response says nothing new */
	qp->voted_psn = psn;
	by_port = port_match(pair, side, slot, fitting);
	qp->port_votes = (uint8_t)(by_port == CNP_QPS ? 0 : qp->port_votes + 1);
	if (qp->port_votes == PORT_VOTES) {
		link_slots(c, pair, side, slot, by_port);
		return;
	}
	if (qp->candidates & (qp->candidates - 1)) {
		qp->votes = 0;
		return;
	}
	if (qp->votes < CNP_VOTES)
		qp->votes++;
	if (qp->votes == CNP_VOTES &&
	    !vote_is_contested(pair, side, slot, lowest(qp->candidates), now))
		link_slots(c, pair, side, slot, lowest(qp->candidates));
}

struct cnp_qp *cnp_on_packet(struct cnp *c, enum cnp_side side, const struct inner *inner,
			     const struct roce *roce, uint64_t now)
{
	bool is_out = side == CNP_TO_FAR;
	struct cnp_pair *pair;
	struct cnp_qp *qp;
	uint32_t slot;

	if (roce->dest_qpn < ROCE_QPN_FIRST ||
	    (roce->kind != ROCE_KIND_REQUEST && roce->kind != ROCE_KIND_RESPONSE))
		return NULL;
	pair = pair_find(c, is_out ? &inner->src : &inner->dst, is_out ? &inner->dst : &inner->src,
			 now);
	slot = slot_find(c, pair, side, roce->dest_qpn, now);
	if (slot == CNP_QPS)
		return NULL;
	qp = &pair->qps[side][slot];
	qp->seen_ns = now;
	qp->port = roce->src_port;
	if (roce->kind == ROCE_KIND_REQUEST)
		on_request(pair, side, slot, roce, now);
	else
		on_response(c, pair, side, slot, roce->psn, now);
	return qp;
}

enum cnp_answer cnp_ask(struct cnp *c, struct cnp_qp *qp, const struct roce *roce, uint64_t now,
			uint32_t *qpn)
{
	if (!qp || !qp->peer_qpn || !roce->has_data) {
		c->unknown++;
		return CNP_UNKNOWN;
	}
	if (qp->was_told && now - qp->told_ns < CNP_GAP_NS) {
		c->held++;
		return CNP_HELD;
	}
	qp->was_told = true;
	qp->told_ns = now;
	*qpn = qp->peer_qpn;
	c->sent++;
	return CNP_SEND;
}

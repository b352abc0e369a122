/*
 * What reads bytes of the LAN for back-pressure: PFC frames, the base transport header of RoCEv2,
 * the table that links queue pairs; and the CNP that is built of what they found. The input is a
 * row of frames, each behind its length (16 bits) and a byte of choices; an inner packet's checksum
 * is made right, so that the fuzzer need not find it.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/cnp.h"
#include "dataplane/core/icrc.h"
#include "dataplane/core/mark.h"
#include "dataplane/core/pfc.h"

#define PAIRS	   8
#define SHARE	   1000
#define SPEED_BPS  10000000000ull
#define PRIO_OF(x) ((x) & (PFC_PRIORITIES - 1))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct cnp cnp;
	struct cnp_pair pairs[PAIRS];
	struct pfc_in in;
	struct pfc_out out;
	struct mark mark;
	uint64_t now;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void world_init(struct world *w)
{
	static const uint64_t shares[PFC_PRIORITIES] = {SHARE, SHARE, SHARE, SHARE, SHARE, SHARE};
	static const uint8_t mac[6] = {2};

	w->now = UINT64_MAX - PFC_STUCK_NS;
	check(cnp_init(&w->cnp, w->pairs, PAIRS) == 0);
	check(pfc_in_init(&w->in, SPEED_BPS, PFC_STUCK_NS) == 0);
	check(pfc_out_init(&w->out, mac, SPEED_BPS, PFC_STUCK_NS, shares) == 0);
	check(mark_init(&w->mark, SPEED_BPS, 1000000, 1500) == 0);
}

/* What was parsed and written again is parsed the same. */
static void pfc_feed(struct world *w, const uint8_t *frame, uint32_t len)
{
	struct pfc_frame pause, again;
	uint8_t bytes[PFC_FRAME_BYTES];

	if (!pfc_frame_parse(frame, len, &pause))
		return;
	check(len >= PFC_MIN_BYTES && pfc_is_mac_control(frame, len));
	pfc_frame_write(bytes, frame + 6, &pause);
	check(pfc_frame_parse(bytes, sizeof(bytes), &again));
	check(!memcmp(&pause, &again, sizeof(pause)));
	pfc_in_on_frame(&w->in, &pause, w->now);
	for (uint32_t prio = 0; prio < PFC_PRIORITIES; prio++) {
		bool is_enabled = pause.enabled >> prio & 1;

		check(!is_enabled ||
		      pfc_in_is_paused(&w->in, prio, w->now) == !!pause.quanta[prio]);
		check(!pfc_in_is_stuck(&w->in, prio, w->now) ||
		      pfc_in_is_paused(&w->in, prio, w->now));
	}
	check(pfc_in_deadline(&w->in, w->now) - w->now > 0 || !w->in.paused);
}

/* Any fill: a priority is told what it is, and never paused for longer than the guard allows. */
static void pfc_out_feed(struct world *w, uint32_t prio, uint64_t fill)
{
	uint8_t bytes[PFC_FRAME_BYTES];
	struct pfc_frame pause;

	pfc_out_set_fill(&w->out, prio, fill, w->now);
	while (pfc_out_poll(&w->out, w->now, bytes)) {
		check(pfc_frame_parse(bytes, sizeof(bytes), &pause));
		check(pause.enabled);
	}
	check(pfc_out_deadline(&w->out, w->now) != w->now || !w->out.paused);
	for (prio = 0; prio < PFC_PRIORITIES; prio++)
		check(!(w->out.paused >> prio & 1) ||
		      w->now - w->out.since_ns[prio] < PFC_STUCK_NS);
}

static void cnp_feed(const struct inner *inner, const struct roce *roce, uint32_t qpn)
{
	struct cnp_order order = {.src = inner->dst,
				  .dst = inner->src,
				  .qpn = qpn,
				  .pkey = roce->pkey,
				  .src_port = roce->src_port};
	uint8_t *frame = malloc(CNP_FRAME_BYTES); /* so that ASan sees a byte too many */
	uint32_t len = cnp_build(frame, &order);
	struct inner built;
	struct roce header;
	enum drop why;

	check(len == (inner->is_v6 ? 94 : 74));
	check(inner_parse(frame + 14, len - 14, &built, &why) && built.total_len == len - 14);
	check(roce_parse(frame + 14, &built, &header) && header.kind == ROCE_KIND_CNP);
	check(header.dest_qpn == (qpn & ROCE_PSN_MASK));
	check(icrc_is_right(frame + 14, len - 14));
	free(frame);
}

/* Links hold in both directions, and only between places in use. */
static void links_check(const struct world *w)
{
	for (uint32_t i = 0; i < PAIRS; i++) {
		const struct cnp_pair *pair = &w->pairs[i];

		for (uint32_t slot = 0; pair->is_used && slot < CNP_QPS; slot++) {
			const struct cnp_qp *qp = &pair->qps[0][slot], *peer;

			check((pair->linked[0] >> slot & 1) == (qp->peer_qpn != 0));
			if (!qp->peer_qpn)
				continue;
			peer = &pair->qps[1][qp->peer];
			check(peer->peer == slot && peer->peer_qpn == pair->qpns[0][slot]);
			check(qp->peer_qpn == pair->qpns[1][qp->peer]);
			check(pair->used[0] >> slot & pair->used[1] >> qp->peer & 1);
		}
		check(!pair->is_used ||
		      __builtin_popcount(pair->linked[0]) == __builtin_popcount(pair->linked[1]));
	}
}

static void roce_feed(struct world *w, const uint8_t *ip, const struct inner *inner, uint8_t choice)
{
	struct roce roce;
	struct cnp_qp *qp;
	uint32_t qpn = 0;

	if (!roce_parse(ip, inner, &roce))
		return;
	check(roce.dest_qpn <= ROCE_PSN_MASK && roce.psn <= ROCE_PSN_MASK && roce.psn_span);
	qp = cnp_on_packet(&w->cnp, choice & 1 ? CNP_TO_NEAR : CNP_TO_FAR, inner, &roce, w->now);
	if (cnp_ask(&w->cnp, qp, &roce, w->now, &qpn) == CNP_SEND)
		check(qpn >= ROCE_QPN_FIRST);
	cnp_feed(inner, &roce, qpn);
	links_check(w);
}

/* As it is delivered: nothing but the DSCP is another, and no checksum wrong. */
static void dscp_feed(uint8_t *ip, uint32_t len, const struct inner *inner, uint8_t dscp)
{
	bool was_right = icrc_is_right(ip, inner->total_len);
	struct inner after;
	enum drop why;

	inner_dscp_set(ip, dscp);
	check(inner_parse(ip, len, &after, &why));
	check(after.dscp == dscp && after.ecn == inner->ecn && after.is_v6 == inner->is_v6);
	check(after.total_len == inner->total_len && after.ttl == inner->ttl);
	check(icrc_is_right(ip, inner->total_len) == was_right);
}

static void ip_feed(struct world *w, uint8_t *ip, uint32_t len, uint8_t choice)
{
	uint32_t header_len = len ? (uint32_t)(ip[0] & 0xf) * 4 : 0;
	uint64_t bytes = (uint64_t)len << (choice & 31);
	enum mark_kind kind;
	enum mark_result result;
	struct inner inner;
	enum drop why;

	if (header_len >= INNER_IPV4_BYTES && header_len <= len && ip[0] >> 4 == 4) {
		bytes_store16(ip + 10, 0);
		bytes_store16(ip + 10, (uint16_t)~bytes_fold(bytes_sum(ip, header_len)));
	}
	if (!inner_parse(ip, len, &inner, &why))
		return;
	kind = mark_kind_of(ip, inner.ecn);
	result = mark_on_enqueue(&w->mark, kind, bytes, (uint32_t)w->now);
	check(result != MARK_DROP_TCP || kind == MARK_KIND_TCP);
	check(result != MARK_CE || kind == MARK_KIND_ECT);
	result = mark_on_dequeue(&w->mark, kind, bytes, bytes, w->now);
	check(result == MARK_PASS || (result == MARK_DROP_TCP && kind == MARK_KIND_TCP));
	roce_feed(w, ip, &inner, choice);
	if (icrc_write(ip, inner.total_len))
		check(icrc_is_right(ip, inner.total_len));
	dscp_feed(ip, len, &inner, choice & 63);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	size_t at = 0;

	world_init(&w);
	while (size - at >= 3) {
		uint32_t len = bytes_load16(data + at) & 0x1ff;
		uint8_t choice = data[at + 2], *copy;

		at += 3;
		len = len < size - at ? len : (uint32_t)(size - at);
		copy = malloc(len + !len);
		memcpy(copy, data + at, len);
		at += len;
		w.now += (uint64_t)1 << (choice >> 3); /* up to two seconds */
		pfc_feed(&w, copy, len);
		pfc_out_feed(&w, PRIO_OF(choice), len * 4);
		ip_feed(&w, copy, len, choice);
		free(copy);
	}
	return 0;
}

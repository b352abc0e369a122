#include "tests/glue/pressure_rig.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/pfc.h"
#include "dataplane/core/ruleset.h"

#define BULK_ID	    78
#define BULK_HANDLE HANDLE_MAKE(9, 1)
#define GIVE_UP_NS  10000000000ull
#define NUMBER_AT   (14 + 20 + 20) /* behind UDP, and behind TCP's header */

struct pair *pair;
struct flow flows[FLOWS];
struct lan_seen seen[2];
struct cw_path_counters bulk_counters[2];
static bool has_bulk;

const struct pair_options pausing_narrow = {.lan_mtu = 1500,
					    .wan_mtu = 2000,
					    .rate_bps = 100000000,
					    .mbufs = 8191,
					    .lan_bps = 500000000,
					    .has_pfc = true};
const struct pair_options pausing_wide = {.lan_mtu = 1500,
					  .wan_mtu = 2000,
					  .rate_bps = 2000000000,
					  .mbufs = 8191,
					  .lan_bps = 500000000,
					  .has_pfc = true};
const struct pair_options pausing_two_workers = {.lan_mtu = 1500,
						 .wan_mtu = 2000,
						 .rate_bps = 2000000000,
						 .mbufs = 8191,
						 .lan_bps = 500000000,
						 .has_pfc = true,
						 .workers = {2, 2}};

uint64_t now(void)
{
	return clock_ns(&pair->clock, rte_rdtsc());
}

void begin(const struct pair_options *options)
{
	memset(flows, 0, sizeof(flows));
	memset(seen, 0, sizeof(seen));
	memset(bulk_counters, 0, sizeof(bulk_counters));
	has_bulk = false;
	for (uint32_t i = 0; i < FLOWS; i++)
		flows[i].protocol = UDP;
	pair = pair_create(options);
	assert_non_null(pair);
	pair_hush(pair);
}

static void bulk_free(uint32_t side)
{
	struct path *path =
		path_table_remove(&pair->side[side].worker->paths, HANDLE_INDEX(BULK_HANDLE));

	if (!path)
		return;
	path_discard(path);
	path_free(path);
}

int end(void **state)
{
	uint32_t leaked;

	(void)state;
	if (!pair)
		return 0;
	for (uint32_t side = 0; side < 2 && has_bulk; side++)
		bulk_free(side);
	leaked = pair_destroy(pair);
	pair = NULL;
	return leaked ? -1 : 0;
}

bool flow_send(uint32_t index, uint32_t worker)
{
	struct flow *flow = &flows[index];
	uint16_t dst = index >= BULK_FLOW ? BULK_PORT : 5001;
	uint8_t frame[2048];
	uint32_t len = pair_udp_frame(pair, 0, false, (uint16_t)(FLOW_PORT + index), dst, PAYLOAD,
				      flow->tos, frame);
	uint8_t *ip = frame + 14;

	bytes_store32(frame + NUMBER_AT, flow->sent);
	if (flow->protocol == TCP) {
		bytes_store16(ip + 10,
			      bytes_checksum_update(bytes_load16(ip + 10), bytes_load16(ip + 8),
						    (uint16_t)(ip[8] << 8 | TCP)));
		ip[9] = TCP;
	}
	if (!pair_inject(pair, 2 * worker, PAIR_LAN, frame, len))
		return false;
	flow->sent++;
	return true;
}

void flow_offer(uint32_t flow, uint32_t frames, uint8_t priority)
{
	for (uint32_t i = 0; i < frames && !(seen[0].paused >> priority & 1); i++)
		if (!flow_send(flow, 0))
			return;
}

static void pause_look(struct lan_seen *lan, const struct pfc_frame *frame)
{
	lan->pfc_frames++;
	for (uint32_t priority = 0; priority < PFC_PRIORITIES; priority++) {
		uint8_t bit = (uint8_t)(1u << priority);

		if (!(frame->enabled & bit))
			continue;
		if (frame->quanta[priority]) {
			lan->xoffs[priority] += !(lan->paused & bit);
			lan->paused |= bit;
		} else {
			lan->xons[priority]++;
			lan->paused &= (uint8_t)~bit;
		}
	}
}

static void cnp_look(struct lan_seen *lan, const uint8_t *frame, uint32_t len)
{
	uint64_t gap = now() - lan->cnp_ns;

	if (lan->cnps && (!lan->cnp_gap_ns || gap < lan->cnp_gap_ns))
		lan->cnp_gap_ns = gap;
	lan->cnps++;
	lan->cnp_ns = now();
	lan->cnp_len = len;
	memcpy(lan->cnp, frame, RTE_MIN(len, (uint32_t)CNP_FRAME_BYTES));
}

static void data_look(const uint8_t *frame)
{
	uint32_t index = (uint32_t)bytes_load16(frame + 34) - FLOW_PORT;
	uint32_t number = bytes_load32(frame + NUMBER_AT);
	struct flow *flow;

	if (index >= FLOWS)
		return;
	flow = &flows[index];
	if (flow->may_skip ? number < flow->next : number != flow->next)
		fail_msg("flow %u: %u came out where %u was next", index, number, flow->next);
	flow->next = number + 1;
	flow->got++;
	flow->ce += (frame[15] & 3) == ECN_CE;
}

static void lan_look(uint32_t side)
{
	struct rte_mbuf *mbuf;

	while ((mbuf = pair_take(pair, side, PAIR_LAN))) {
		const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
		uint32_t len = rte_pktmbuf_data_len(mbuf);
		struct pfc_frame pause;

		if (pfc_frame_parse(frame, len, &pause))
			pause_look(&seen[side % 2], &pause);
		else if (bytes_load16(frame + 36) == ROCE_UDP_PORT && frame[42] == ROCE_CNP)
			cnp_look(&seen[side % 2], frame, len);
		else
			data_look(frame);
		rte_pktmbuf_free(mbuf);
	}
}

void turn(void)
{
	pair_turn(pair);
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		if (pair->side[side].worker)
			lan_look(side);
}

void turns_for(uint64_t ns)
{
	uint64_t until = now() + ns;

	while (now() < until)
		turn();
}

static bool bulk_is_empty(void)
{
	return !bulk_counters[0].out.held_packets && !bulk_counters[1].in.held_packets;
}

void settle(void)
{
	uint64_t until = now() + GIVE_UP_NS;

	while (!(pair_is_empty(pair) && bulk_is_empty()) && now() < until)
		turn();
	assert_true(pair_settle(pair));
	turn();
	assert_true(pair_is_empty(pair));
	for (uint32_t side = 0; side < PAIR_SIDES; side++)
		assert_true(pair_is_balanced(pair, side));
}

void pause_send(uint32_t side, uint8_t priority, uint16_t quanta)
{
	static const uint8_t mac[6] = {PAIR_HOST_MAC};
	struct pfc_frame pause = {.enabled = (uint8_t)(1u << priority)};
	uint8_t frame[PFC_FRAME_BYTES];

	pause.quanta[priority] = quanta;
	pfc_frame_write(frame, mac, &pause);
	assert_true(pair_inject(pair, side, PAIR_LAN, frame, sizeof(frame)));
}

struct path *bulk_path(uint32_t side)
{
	return path_table_by_handle(&pair->side[side].worker->paths, BULK_HANDLE);
}

static void command_do(uint32_t side, const struct command *command)
{
	struct worker *w = pair->side[side].worker;
	struct event event;

	assert_int_equal(command_push(w->commands, command), 0);
	worker_turn(w);
	while (event_pop(w->events, &event) == 0)
		;
}

static void bulk_rules_set(struct pair_side *s, const struct intent_path *intent)
{
	struct ruleset_claim claims[2] = {{.path = intent, .handle = BULK_HANDLE},
					  {.path = &s->intent, .handle = s->handle}};
	size_t bytes = 8 * ruleset_bytes(claims, 2);
	void *memory = malloc(bytes);
	const struct ruleset *rules;

	assert_non_null(memory);
	assert_int_equal(ruleset_build(memory, bytes, claims, 2, &rules), 0);
	free(s->rules_memory);
	s->rules_memory = memory;
	s->worker->port[PAIR_LAN].input.rules = (uintptr_t)rules;
}

static void bulk_make(uint32_t side)
{
	const struct cw_path_counters *all[] = {&bulk_counters[side]};
	struct pair_side *s = &pair->side[side];
	struct path_options options = {.handle = BULK_HANDLE,
				       .workers = 1,
				       .wan_port = PAIR_WAN,
				       .wan_mtu = s->ports[PAIR_WAN].mtu,
				       .queue_packets = PATH_QUEUE_SLOTS,
				       .has_pauses = s->ports[PAIR_LAN].has_pfc,
				       .retain_buffers = s->ports[PAIR_LAN].pool->size / 4,
				       .hold_buffers = s->ports[PAIR_WAN].pool->size / 4,
				       .seed = 43,
				       .now_ns = s->worker->now_ns,
				       .counters = &bulk_counters[side],
				       .all = all};
	struct intent_path intent = s->intent;
	struct path_keys keys;
	struct path *path;

	intent.id = BULK_ID;
	intent.class = CLASS_BULK;
	intent.match[0].protocol = PROTOCOL_UDP;
	intent.match[0].range_count = 1;
	intent.match[0].ranges[0].first = intent.match[0].ranges[0].last = BULK_PORT;
	path = path_create(&intent, &options);
	assert_non_null(path);
	path->probe.next_ns = UINT64_MAX;
	path_table_add(&s->worker->paths, path);
	bulk_rules_set(s, &path->intent);
	pair_keys_make(pair, side, 0, &keys);
	command_do(side, &(struct command){.type = COMMAND_KEYS,
					   .index = HANDLE_INDEX(BULK_HANDLE),
					   .keys = &keys});
}

void bulk_path_make(void)
{
	bulk_make(0);
	bulk_make(1);
	has_bulk = true;
	/* Each tells the other what it may send. */
	assert_true(pair_settle(pair));
}

uint64_t drops_of(const struct cw_flow_counters *flow)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DROP_COUNT; i++)
		sum += flow->drop[i];
	return sum;
}

static void expect_drops_in(const struct cw_flow_counters *flow, enum drop one, enum drop other)
{
	for (uint32_t i = 0; i < DROP_COUNT; i++)
		if (i != one && i != other && flow->drop[i])
			fail_msg("%llu dropped as %s", (unsigned long long)flow->drop[i],
				 drop_name(i));
}

void expect_no_drop_but(enum drop one, enum drop other)
{
	for (uint32_t side = 0; side < PAIR_SIDES; side++) {
		const struct pair_side *s = &pair->side[side];

		expect_drops_in(&s->path_counters.out, one, other);
		expect_drops_in(&s->path_counters.in, one, other);
		for (uint32_t i = 0; i < DROP_COUNT; i++)
			assert_int_equal(s->port_counters[PAIR_LAN].drop[i], 0);
	}
	for (uint32_t side = 0; side < 2; side++) {
		expect_drops_in(&bulk_counters[side].out, one, other);
		expect_drops_in(&bulk_counters[side].in, one, other);
	}
}

void expect_all_came(uint32_t flow)
{
	assert_true(flows[flow].sent > 0);
	assert_int_equal(flows[flow].got, flows[flow].sent);
}

/*
 * Paths that control wants no more. What was claimed still comes out of the ports' rings, what the
 * path holds towards the WAN goes out, and what the far end sent arrives for another round trip:
 * all that before the path goes. The agent does not wait for it; other paths come and go meanwhile.
 */
#include "dataplane/agent/agent_private.h"

#define LEAVE_STEP_NS  2000000ull
#define LEAVE_QUIET_NS 100000000ull
#define LEAVE_MOST_NS  200000000ull

static void leave_poll(struct agent *a, struct slot *slot, uint64_t now)
{
	struct cw_path_counters sum;
	uint64_t entered;

	report_path_counters(a, slots_index(&a->slots, slot), &sum);
	entered = sum.out.rx_packets + sum.in.rx_packets;
	if (entered != slot->entered || sum.out.held_packets)
		slot->quiet_since_ns = now;
	slot->entered = entered;
}

static bool leave_is_over(const struct slot *slot, uint64_t now)
{
	uint64_t quiet_ns = slot->rtt_ns < LEAVE_QUIET_NS ? slot->rtt_ns : LEAVE_QUIET_NS;

	return now >= slot->leaves_by_ns || now - slot->quiet_since_ns > quiet_ns + LEAVE_STEP_NS;
}

/*
 * Whoever blocked what nobody claims does so no longer: true if rules are to follow. They also
 * follow where it could not be kept from claiming.
 */
static bool path_forget(struct agent *a, struct slot *slot)
{
	bool had_rules = slot->is_blocked || slot->is_claimed;

	if (slot->is_receiving)
		fastpath_path_remove(a->fastpath, slot->handle);
	counter_file_path_facts(a->counters, slots_index(&a->slots, slot))->name[0] = 0;
	slots_release(&a->slots, slot);
	a->report_is_due = true;
	return had_rules;
}

static void leave_turn(struct agent *a, uint64_t now)
{
	bool rules_follow = false, is_any_left = false;

	for (uint32_t i = 0; i < a->slots.high; i++) {
		struct slot *slot = &a->slots.slot[i];

		if (!slot->is_used || !slot->is_leaving)
			continue;
		leave_poll(a, slot, now);
		if (leave_is_over(slot, now))
			rules_follow |= path_forget(a, slot);
		else
			is_any_left = true;
	}
	if (rules_follow)
		claims_put(a, CLAIMS_KERNEL_FIRST);
	if (is_any_left)
		loop_timer_set(a->loop, &a->leave_timer, now + LEAVE_STEP_NS);
}

static void on_leave_timer(struct loop_timer *timer, void *arg)
{
	struct agent *a = arg;

	(void)timer;
	leave_turn(a, loop_now_ns(a->loop));
}

void leave_begin(struct agent *a, struct slot *slot)
{
	uint64_t now = loop_now_ns(a->loop);

	slot->is_leaving = true;
	slot->entered = UINT64_MAX;
	slot->quiet_since_ns = now;
	slot->leaves_by_ns = slot->is_receiving ? now + LEAVE_MOST_NS : now;
	a->leave_timer.on_expire = on_leave_timer;
	a->leave_timer.arg = a;
	loop_timer_set(a->loop, &a->leave_timer, now);
}

void leave_end(struct agent *a, uint32_t path_id)
{
	struct slot *slot = slots_by_id(&a->slots, path_id);

	if (slot && slot->is_leaving && path_forget(a, slot))
		claims_put(a, CLAIMS_KERNEL_FIRST);
}

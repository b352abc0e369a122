#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "control/core/ring.h"
#include "tests/unit/control/ring_sim.h"

#define EVENTS_MAX 65536u

enum sim_kind {
	SIM_SENT,
	SIM_ARRIVED,
	SIM_ACKNOWLEDGED
};

struct sim_event {
	uint64_t at_ns;
	uint32_t way;
	enum sim_kind kind;
};

struct sim_way {
	struct ring_sim_way sends;
	uint32_t ready, sent, in_flight; /* pieces */
	bool is_busy;
};

struct sim {
	uint32_t count, total, window; /* total: pieces that a way sends */
	uint64_t now;
	uint32_t event_count;
	struct sim_way ways[RING_SITES_MAX];
	struct sim_event events[EVENTS_MAX]; /* a heap */
};

static struct sim sim;

static void sim_swap(uint32_t a, uint32_t b)
{
	struct sim_event event = sim.events[a];

	sim.events[a] = sim.events[b];
	sim.events[b] = event;
}

static void sim_push(uint64_t at_ns, uint32_t way, enum sim_kind kind)
{
	uint32_t i = sim.event_count++;

	assert_true(i < EVENTS_MAX);
	sim.events[i] = (struct sim_event){at_ns, way, kind};
	for (; i && sim.events[i].at_ns < sim.events[(i - 1) / 2].at_ns; i = (i - 1) / 2)
		sim_swap(i, (i - 1) / 2);
}

static struct sim_event sim_pop(void)
{
	struct sim_event first = sim.events[0];

	sim.events[0] = sim.events[--sim.event_count];
	for (uint32_t i = 0, least;; i = least) {
		least = i;
		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
			if (child < sim.event_count &&
			    sim.events[child].at_ns < sim.events[least].at_ns)
				least = child;
		}
		if (least == i)
			return first;
		sim_swap(i, least);
	}
}

static void sim_send(uint32_t i)
{
	struct sim_way *way = &sim.ways[i];

	if (way->is_busy || way->sent == way->ready || way->sent == sim.total ||
	    (sim.window && way->in_flight == sim.window))
		return;
	way->is_busy = true;
	way->sent++;
	way->in_flight++;
	sim_push(sim.now + way->sends.piece_ns, i, SIM_SENT);
}

static uint64_t sim_run(void)
{
	uint64_t end = 0;

	while (sim.event_count) {
		struct sim_event event = sim_pop();
		struct sim_way *way = &sim.ways[event.way];

		sim.now = event.at_ns;
		switch (event.kind) {
		case SIM_SENT:
			way->is_busy = false;
			sim_push(sim.now + way->sends.delay_ns, event.way, SIM_ARRIVED);
			break;
		case SIM_ARRIVED:
			end = sim.now;
			sim.ways[(event.way + 1) % sim.count].ready++;
			sim_send((event.way + 1) % sim.count);
			sim_push(sim.now + way->sends.delay_ns, event.way, SIM_ACKNOWLEDGED);
			break;
		case SIM_ACKNOWLEDGED:
			way->in_flight--;
			break;
		}
		sim_send(event.way);
	}
	return end;
}

uint64_t ring_sim(const struct ring_sim_way *ways, uint32_t count, uint32_t pieces, uint32_t window)
{
	uint64_t end;

	memset(&sim, 0, sizeof(sim));
	sim.count = count;
	sim.total = 2 * (count - 1) * pieces;
	sim.window = window;
	for (uint32_t i = 0; i < count; i++) {
		sim.ways[i].sends = ways[i];
		sim.ways[i].ready = pieces;
		sim_send(i);
	}
	end = sim_run();
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(sim.ways[i].sent, sim.total);
	return end;
}

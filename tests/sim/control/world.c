/* The ground: sites with a gateway each, and links between them, some of them parallel. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/control/world.h"

#define START_NS   (1700000000ull * S)
#define LINK_IDS   256
#define GIGABYTE   1000000000ull
#define NEIGHBOURS 6

void world_fail(struct world *w, const char *format, ...)
{
	va_list args;
	int len;

	if (w->is_failed)
		return;
	w->is_failed = true;
	len = snprintf(w->message, sizeof(w->message),
		       "at %.2f s: ", (double)(w->now_ns - w->start_ns) / 1e9);
	va_start(args, format);
	vsnprintf(w->message + len, sizeof(w->message) - (size_t)len, format, args);
	va_end(args);
}

void world_trace(const struct world *w, uint32_t path, const char *format, ...)
{
	va_list args;

	if (path != w->traced || path == NONE)
		return;
	printf("%8.2f ", (double)(w->now_ns - w->start_ns) / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

void *array_grow(void *array, uint32_t count, uint32_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

static struct ip_prefix prefix_of(uint32_t number)
{
	struct ip_prefix prefix = {.len = 96 + 24};

	/* 10.x.y.0/24, IPv4-mapped. */
	prefix.addr.bytes[10] = prefix.addr.bytes[11] = 0xff;
	prefix.addr.bytes[12] = 10;
	prefix.addr.bytes[13] = (uint8_t)(number >> 8);
	prefix.addr.bytes[14] = (uint8_t)number;
	return prefix;
}

static void make_gateway(struct world *w, uint32_t number, struct random *random)
{
	struct gateway_box *g = &w->gateways[number];
	struct gateway_port *port = &g->spec.ports[0];

	snprintf(g->name, sizeof(g->name), "g%u", number);
	g->site.prefix_count = 1;
	g->site.prefixes[0] = prefix_of(number);
	snprintf(g->spec.site, sizeof(g->spec.site), "s%u", number);
	g->spec.buffer_bytes = random_range(random, 10, 60) * GIGABYTE;
	g->spec.port_count = 1;
	model_name_set(port->name, "wan0");
	port->address_count = 1;
	port->addresses[0] = prefix_of(number).addr;
	port->addresses[0].bytes[15] = 1;
	g->is_alive = true;
	g->attempt_ns = w->now_ns + random_below(random, 200 * MS);
	g->report_ns = w->now_ns + random_below(random, REPORT_NS);
}

static uint8_t link_id(const struct world *w, const uint32_t gateways[2])
{
	bool is_used[LINK_IDS] = {true};
	uint32_t id = 0;

	for (int end = 0; end < 2; end++) {
		const struct gateway_box *g = &w->gateways[gateways[end]];

		for (uint32_t i = 0; i < g->link_count; i++)
			is_used[w->links[g->links[i]].spec.id] = true;
	}
	while (is_used[id])
		id++;
	return (uint8_t)id;
}

static void make_link(struct world *w, uint32_t number, uint32_t a, uint32_t z,
		      struct random *random)
{
	struct link_box *l = &w->links[number];
	const uint32_t ends[2] = {a, z};

	snprintf(l->name, sizeof(l->name), "l%u", number);
	l->spec.capacity_bps = random_range(random, 1, 4) * 100000000000ull;
	l->spec.rtt_ns = random_range(random, 1, 60) * MS;
	l->spec.reservable_percent = LINK_RESERVABLE_DEFAULT;
	l->spec.cost = (uint32_t)random_range(random, 1, 3) * LINK_COST_DEFAULT;
	l->spec.id = link_id(w, ends);
	l->drained = NONE;
	/* Every other one shares a duct with some others. */
	if (random_below(random, 2)) {
		l->spec.srlg_count = 1;
		snprintf(l->spec.srlgs[0], MODEL_NAME_BYTES, "d%u",
			 (uint32_t)random_below(random, w->size.links / 8 + 1));
	}
	for (int end = 0; end < 2; end++) {
		struct gateway_box *g = &w->gateways[ends[end]];

		l->gateways[end] = ends[end];
		model_name_set(l->spec.ends[end].gateway, g->name);
		model_name_set(l->spec.ends[end].port, "wan0");
		g->links = realloc(g->links, (g->link_count + 1) * sizeof(*g->links));
		g->links[g->link_count++] = number;
	}
}

/* A ring, so that every site has links; then neighbours at random, which makes some parallel. */
static void make_links(struct world *w, struct random *random)
{
	uint32_t sites = w->size.sites;

	for (uint32_t i = 0; i < w->size.links; i++) {
		uint32_t a = i < sites ? i : (uint32_t)random_below(random, sites);
		uint32_t hop = i < sites ? 1 : (uint32_t)random_range(random, 1, NEIGHBOURS);
		uint32_t z = (a + hop) % sites;
		bool is_swapped = random_below(random, 2);

		make_link(w, i, is_swapped ? z : a, is_swapped ? a : z, random);
	}
}

void world_make(struct world *w, uint64_t seed, const struct size *size)
{
	struct random random;

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->size = *size;
	w->now_ns = w->start_ns = START_NS;
	w->is_up = true;
	w->up_ns = w->now_ns;
	w->term = 1;
	w->gateways = calloc(size->sites, sizeof(*w->gateways));
	w->links = calloc(size->links, sizeof(*w->links));
	w->paths = calloc(size->paths, sizeof(*w->paths));
	random_init(&random, seed, 1);
	random_init(&w->events, seed, 2);
	random_init(&w->delays, seed, 3);
	for (uint32_t i = 0; i < size->sites; i++)
		make_gateway(w, i, &random);
	make_links(w, &random);
	for (uint32_t i = 0; i < size->paths; i++) {
		snprintf(w->paths[i].name, sizeof(w->paths[i].name), "p%05u", i);
		w->paths[i].link = NONE;
		for (int role = 0; role < ROLES; role++)
			w->paths[i].links[role] = NONE;
	}
}

void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->size.sites; i++) {
		struct gateway_box *g = &w->gateways[i];

		intent_clear(&g->applied);
		intent_clear(&g->saved);
		intent_clear(&g->line.intent);
		intent_clear(&g->memory.sent);
		free(g->links);
		free(g->slots);
		free(g->report.entries);
	}
	for (uint32_t i = 0; i < w->size.links; i++) {
		free(w->links[i].paths);
		free(w->links[i].booked);
	}
	free(w->gateways);
	free(w->links);
	free(w->paths);
}

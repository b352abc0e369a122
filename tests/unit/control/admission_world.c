#include "tests/unit/control/admission_world.h"

static void option_make(struct world *w, uint32_t link)
{
	struct admission_option *option = &w->options[link];

	w->rates[link][0] = w->rates[link][1] = (struct calendar){.limit = 10 * GB};
	w->near[link] = (struct calendar){.limit = 100 * GB};
	*option = (struct admission_option){
		.route = {.link_count = 1, .links = {link}, .is_open = true, .rtt_ns = 10 * MS},
		.medium = {.rtt_ns = 10 * MS},
		.calendars = {&w->rates[link][0], &w->rates[link][1], &w->near[link], &w->far},
	};
}

void world_make(struct world *w)
{
	*w = (struct world){
		.far = {.limit = 100 * GB},
		.request = {.ask = {.rate_bps = {1 * GB, 1 * GB},
				    .start_ns = NOW,
				    .end_ns = NOW + 100 * SECOND},
			    .current = ADMISSION_NO_OPTION},
	};
	option_make(w, 0);
	option_make(w, 1);
}

void world_book(struct world *w, struct calendar *calendar, uint32_t slot,
		const struct booking *booking)
{
	w->booked[slot] = *booking;
	if (!calendar->count)
		calendar->bookings = &w->booked[slot];
	calendar->count++;
}

enum admission_code world_decide(struct world *w, struct admission_verdict *verdict)
{
	return admission_decide(&w->request, w->options, COUNT(w->options), w->scratch, verdict);
}

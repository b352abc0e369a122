#include "control/core/calendar.h"

#include <stddef.h>

/* Fewer events than this are sorted by insertion. */
#define SORT_SMALL 16u

__extension__ typedef unsigned __int128 calendar_sum;

/* All wants in one pass over the starts and ends of their bookings. */
struct sweep {
	const struct calendar_want *wants;
	uint32_t want_count;
	calendar_sum booked[CALENDAR_WANTS_MAX]; /* at the present instant */
	struct calendar_event *events;		 /* after it, by time */
	uint32_t event_count;
	uint32_t next;
};

static void swap(struct calendar_event *a, struct calendar_event *b)
{
	struct calendar_event old = *a;

	*a = *b;
	*b = old;
}

/* Of a heap with its latest event on top, where only `at` may be too early. */
static void sift_down(struct calendar_event *events, uint32_t count, uint32_t at)
{
	for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count && events[child + 1].at_ns > events[child].at_ns)
			child++;
		if (events[child].at_ns <= events[at].at_ns)
			return;
		swap(&events[at], &events[child]);
		at = child;
	}
}

static void heap_sort(struct calendar_event *events, uint32_t count)
{
	for (uint32_t i = count / 2; i > 0; i--)
		sift_down(events, count, i - 1);
	for (uint32_t i = count; i > 1; i--) {
		swap(&events[0], &events[i - 1]);
		sift_down(events, i - 1, 0);
	}
}

static void insertion_sort(struct calendar_event *events, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct calendar_event event = events[i];
		uint32_t at = i;

		for (; at > 0 && events[at - 1].at_ns > event.at_ns; at--)
			events[at] = events[at - 1];
		events[at] = event;
	}
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
	if (a > b)
		return b > c ? b : a < c ? a : c;
	return a > c ? a : b < c ? b : c;
}

/* Hoare's partition of at least 3: what comes first is at most the pivot, the rest at least. */
static uint32_t partition(struct calendar_event *events, uint32_t count)
{
	uint64_t pivot = median(events[0].at_ns, events[count / 2].at_ns, events[count - 1].at_ns);
	uint32_t low = 0, high = count - 1;

	for (;;) {
		while (events[low].at_ns < pivot)
			low++;
		while (events[high].at_ns > pivot)
			high--;
		if (low >= high)
			return low;
		swap(&events[low++], &events[high--]);
	}
}

/*
 * A core has no qsort. Quick sort, three times as fast here as the heap sort that takes over when
 * somebody brings times that would make it slow.
 */
static void events_sort(struct calendar_event *events, uint32_t count, uint32_t depth)
{
	while (count > SORT_SMALL) {
		uint32_t first;

		if (!depth--) {
			heap_sort(events, count);
			return;
		}
		first = partition(events, count);
		events_sort(events + first, count - first, depth);
		count = first;
	}
	insertion_sort(events, count);
}

static uint32_t log2_of(uint32_t value)
{
	uint32_t log = 0;

	while (value >>= 1)
		log++;
	return log;
}

static void event_add(struct sweep *sweep, uint32_t want, uint32_t booking, uint64_t at_ns,
		      bool is_end)
{
	sweep->events[sweep->event_count++] = (struct calendar_event){
		.at_ns = at_ns, .booking = booking, .want = (uint16_t)want, .is_end = is_end};
}

static const struct booking *booking_at(const struct sweep *sweep, uint32_t want, uint32_t index)
{
	return &sweep->wants[want].calendar->bookings[index];
}

static void booking_add(struct sweep *sweep, uint32_t want, uint32_t index, uint64_t start_ns,
			uint64_t end_ns)
{
	const struct booking *booking = booking_at(sweep, want, index);

	if (booking->start_ns >= booking->end_ns || booking->end_ns <= start_ns ||
	    booking->start_ns >= end_ns)
		return;
	if (booking->start_ns <= start_ns)
		sweep->booked[want] += booking->amount;
	else
		event_add(sweep, want, index, booking->start_ns, false);
	if (booking->end_ns < end_ns)
		event_add(sweep, want, index, booking->end_ns, true);
}

/* Stands at start_ns, and has the events of (start_ns, end_ns). */
static void sweep_init(struct sweep *sweep, const struct calendar_want *wants, uint32_t count,
		       uint64_t start_ns, uint64_t end_ns, struct calendar_event *scratch)
{
	*sweep = (struct sweep){.wants = wants, .want_count = count, .events = scratch};
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < wants[i].calendar->count; j++)
			booking_add(sweep, i, j, start_ns, end_ns);
	}
	events_sort(sweep->events, sweep->event_count, 2 * log2_of(sweep->event_count + 1));
}

static bool sweep_is_over(const struct sweep *sweep)
{
	return sweep->next == sweep->event_count;
}

/* The next instant at which something changes; CALENDAR_FOREVER: nothing does. */
static uint64_t sweep_next_ns(const struct sweep *sweep)
{
	return sweep_is_over(sweep) ? CALENDAR_FOREVER : sweep->events[sweep->next].at_ns;
}

/* Moves there: all events of one instant are one change. */
static void sweep_step(struct sweep *sweep)
{
	uint64_t at_ns = sweep_next_ns(sweep);

	for (; !sweep_is_over(sweep) && sweep_next_ns(sweep) == at_ns; sweep->next++) {
		const struct calendar_event *event = &sweep->events[sweep->next];
		uint64_t amount = booking_at(sweep, event->want, event->booking)->amount;

		if (event->is_end)
			sweep->booked[event->want] -= amount;
		else
			sweep->booked[event->want] += amount;
	}
}

/* Nothing always fits, also where too much is booked already. */
static bool sweep_fits(const struct sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->want_count; i++) {
		uint64_t amount = sweep->wants[i].amount;

		if (amount && sweep->booked[i] + amount > sweep->wants[i].calendar->limit)
			return false;
	}
	return true;
}

uint64_t calendar_peak(const struct calendar *calendar, uint64_t start_ns, uint64_t end_ns,
		       uint64_t *at_ns, struct calendar_event *scratch)
{
	struct calendar_want want = {.calendar = calendar};
	uint64_t peak_ns = start_ns;
	struct sweep sweep;
	calendar_sum peak;

	if (at_ns)
		*at_ns = start_ns;
	if (start_ns >= end_ns)
		return 0;
	sweep_init(&sweep, &want, 1, start_ns, end_ns, scratch);
	peak = sweep.booked[0];
	while (!sweep_is_over(&sweep)) {
		uint64_t now_ns = sweep_next_ns(&sweep);

		sweep_step(&sweep);
		if (sweep.booked[0] <= peak)
			continue;
		peak = sweep.booked[0];
		peak_ns = now_ns;
	}
	if (at_ns)
		*at_ns = peak_ns;
	return peak > UINT64_MAX ? UINT64_MAX : (uint64_t)peak;
}

bool calendar_fits(const struct calendar *calendar, uint64_t amount, uint64_t start_ns,
		   uint64_t end_ns, struct calendar_event *scratch)
{
	if (!amount)
		return true;
	return amount <= calendar->limit &&
	       calendar_peak(calendar, start_ns, end_ns, NULL, scratch) <= calendar->limit - amount;
}

/* CALENDAR_FOREVER: there is none. */
static uint64_t next_multiple(uint64_t value, uint64_t step)
{
	uint64_t over = value % step;

	if (!over)
		return value;
	return value > UINT64_MAX - (step - over) ? CALENDAR_FOREVER : value + (step - over);
}

/* From start_ns on, is it all over by end_ns? */
static bool duration_fits(uint64_t start_ns, uint64_t duration_ns, uint64_t end_ns)
{
	if (start_ns == CALENDAR_FOREVER)
		return false;
	if (end_ns == CALENDAR_FOREVER && duration_ns == CALENDAR_FOREVER)
		return true;
	return start_ns <= end_ns && duration_ns <= end_ns - start_ns;
}

uint64_t calendar_earliest(const struct calendar_want *wants, uint32_t count, uint64_t duration_ns,
			   uint64_t not_before_ns, uint64_t step_ns, struct calendar_event *scratch)
{
	uint64_t now_ns = not_before_ns, start_ns = 0;
	bool was_free = false;
	struct sweep sweep;

	sweep_init(&sweep, wants, count, not_before_ns, CALENDAR_FOREVER, scratch);
	for (;;) {
		bool is_free = sweep_fits(&sweep);

		if (is_free && !was_free)
			start_ns = next_multiple(now_ns, step_ns);
		if (is_free && duration_fits(start_ns, duration_ns, sweep_next_ns(&sweep)))
			return start_ns;
		if (sweep_is_over(&sweep))
			return CALENDAR_FOREVER;
		was_free = is_free;
		now_ns = sweep_next_ns(&sweep);
		sweep_step(&sweep);
	}
}

uint64_t calendar_longest(const struct calendar_want *wants, uint32_t count, uint64_t start_ns,
			  uint64_t end_ns, struct calendar_event *scratch)
{
	uint64_t now_ns = start_ns;
	struct sweep sweep;

	sweep_init(&sweep, wants, count, start_ns, end_ns, scratch);
	while (sweep_fits(&sweep)) {
		if (sweep_is_over(&sweep))
			return end_ns;
		now_ns = sweep_next_ns(&sweep);
		sweep_step(&sweep);
	}
	return now_ns;
}

void calendar_group(const struct calendar_entry *entries, uint32_t count, struct booking *bookings,
		    struct calendar *calendars, uint32_t calendar_count)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < calendar_count; i++)
		calendars[i].count = 0;
	for (uint32_t i = 0; i < count; i++)
		calendars[entries[i].calendar].count++;
	for (uint32_t i = 0; i < calendar_count; i++) {
		calendars[i].bookings = bookings + first;
		first += calendars[i].count;
		calendars[i].count = 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct calendar *calendar = &calendars[entries[i].calendar];

		bookings[calendar->bookings - bookings + calendar->count++] = entries[i].booking;
	}
}

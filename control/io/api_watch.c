#include "control/io/api_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/io/watch_page.h"
#include "control/io/watch_ring.h"

/* Of the log, for all clients; a page more may come on top. */
#define PAGES_MAX (16u << 20)

/* A feed reads all that there is, or the log, and then the ring. */
enum watch_phase {
	PHASE_RING,
	PHASE_WALK,
	PHASE_LOG
};

struct api_watch {
	struct feed_hub hub;
	struct store *store;
	struct watch_ring *ring;
	size_t page_bytes;
	bool is_dirty;
};

void api_watch_note(struct api_watch *watch, const struct store_event *event)
{
	watch_ring_note(watch->ring, event);
	watch->is_dirty = true;
}

/* ---- what a client is told ---- */

static enum feed_next next_from_ring(struct api_watch *watch, struct feed *feed, const char **type,
				     const char **text)
{
	if (feed->position >= watch->ring->next)
		return FEED_END;
	return watch_ring_line(watch->ring, feed->position++, &feed->filter, type, text)
		       ? FEED_LINE
		       : FEED_SKIP;
}

/*
 * All that there is, by kind and name, while the ring collects what changes meanwhile: what the
 * walk misses or tells too late comes from the ring, and only then a bookmark.
 */
static enum feed_next next_from_walk(struct api_watch *watch, struct feed *feed, const char **type,
				     const char **text)
{
	const struct object *at = store_next(watch->store, feed->walk_kind, feed->walk_name);

	if (!at) {
		feed->walk_name[0] = 0;
		feed->walk_kind++;
		return feed->walk_kind < KIND_COUNT ? FEED_SKIP : FEED_END;
	}
	model_name_set(feed->walk_name, at->name);
	if (!api_filter_matches(&feed->filter, at->kind, object_tenant(at), at->labels,
				at->label_count))
		return FEED_SKIP;
	*type = "put";
	*text = watch_ring_put(watch->ring, at);
	return *text ? FEED_LINE : FEED_SKIP;
}

/* The store's log, page by page, until the ring has what follows. */
static enum feed_next next_from_log(struct api_watch *watch, struct feed *feed, const char **type,
				    const char **text)
{
	struct watch_page *page = feed->page;

	if (watch_page_next(page, type, text))
		return FEED_LINE;
	watch->page_bytes -= page->bytes;
	watch_page_clear(page);
	if (page->revision >= watch->ring->floor || page->is_last)
		return FEED_END;
	if (watch->page_bytes > PAGES_MAX)
		return FEED_LATER;
	feed->is_behind = watch_page_read(page, watch->store, &feed->filter) != 0;
	watch->page_bytes += page->bytes;
	return feed->is_behind ? FEED_LATER : FEED_SKIP;
}

static void page_drop(struct api_watch *watch, struct feed *feed)
{
	if (feed->page)
		watch->page_bytes -= feed->page->bytes;
	watch_page_free(feed->page);
	feed->page = NULL;
}

static enum feed_next watch_next(struct feed_hub *hub, struct feed *feed, const char **type,
				 const char **text)
{
	struct api_watch *watch = (struct api_watch *)hub;
	enum feed_next next = FEED_END;

	if (feed->phase == PHASE_WALK)
		next = next_from_walk(watch, feed, type, text);
	else if (feed->phase == PHASE_LOG)
		next = next_from_log(watch, feed, type, text);
	if (next != FEED_END)
		return next;
	if (feed->phase == PHASE_LOG) {
		feed->position = watch_ring_after(watch->ring, feed->page->revision);
		page_drop(watch, feed);
	}
	feed->phase = PHASE_RING;
	return next_from_ring(watch, feed, type, text);
}

static void watch_on_free(struct feed_hub *hub, struct feed *feed)
{
	page_drop((struct api_watch *)hub, feed);
}

/* Asked for where the feed has come to the end: it was told all changes that there are. */
static void watch_cursor(struct feed_hub *hub, const struct feed *feed,
			 char cursor[FEED_CURSOR_BYTES])
{
	const struct api_watch *watch = (const struct api_watch *)hub;

	(void)feed;
	snprintf(cursor, FEED_CURSOR_BYTES, "%llu", (unsigned long long)watch->ring->revision);
}

static bool watch_is_behind(struct feed_hub *hub, const struct feed *feed)
{
	const struct api_watch *watch = (const struct api_watch *)hub;

	return feed->is_behind ||
	       (feed->phase != PHASE_LOG && feed->position < watch_ring_first(watch->ring));
}

/* ---- where a client begins ---- */

/* "": from now on. False and a problem for what is no revision, or none that was. */
static bool read_since(const struct api_watch *watch, const char *text, uint64_t *since,
		       struct problem *problem)
{
	uint64_t now = store_revision(watch->store);
	char *end;

	*since = watch->ring->revision;
	if (!text[0])
		return true;
	errno = 0;
	*since = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		problem_set(problem, 400, "invalid-argument",
			    "since: the revision of the last bookmark, or 0 for all that there is");
	else if (*since > now)
		problem_set(problem, 410, "revision-compacted",
			    "revision %llu was never made here, the last one is %llu; read all "
			    "again, with since=0",
			    (unsigned long long)*since, (unsigned long long)now);
	return !problem_is_set(problem);
}

/* The first page of what the ring does not have. NULL and a problem when the log has it neither. */
static struct watch_page *page_open(const struct api_watch *watch, const struct api_query *query,
				    uint64_t since, struct problem *problem)
{
	struct watch_page *page = watch_page_create(since);
	int ret = page ? watch_page_read(page, watch->store, &query->filter) : -ENOMEM;

	if (!ret)
		return page;
	if (ret == -ESTALE)
		problem_set(problem, 410, "revision-compacted",
			    "what followed revision %llu is not known any more; read all again, "
			    "with since=0",
			    (unsigned long long)since);
	else
		problem_set(problem, 503, "storage-failed", "the log cannot be read, try again");
	watch_page_free(page);
	return NULL;
}

void api_watch_begin(struct api_watch *watch, struct h2_exchange *exchange,
		     const struct api_query *query, struct problem *problem)
{
	const char *last = h2_exchange_last_event_id(exchange);
	struct watch_page *page = NULL;
	struct feed *feed = NULL;
	uint64_t since;

	if (!read_since(watch, last[0] ? last : query->since, &since, problem))
		return;
	if (since && since < watch->ring->floor)
		page = page_open(watch, query, since, problem);
	if (!problem_is_set(problem))
		feed = feed_open(&watch->hub, exchange, query, problem);
	if (!feed) {
		watch_page_free(page);
		return;
	}
	feed->phase = page ? PHASE_LOG : since ? PHASE_RING : PHASE_WALK;
	feed->page = page;
	watch->page_bytes += page ? page->bytes : 0;
	feed->position = since ? watch_ring_after(watch->ring, since) : watch->ring->next;
	feed->is_dirty = true; /* the first bookmark says where it begins */
	feed_pull(feed);
}

/* ---- life ---- */

static const struct feed_ops ops = {
	.next = watch_next,
	.cursor = watch_cursor,
	.is_behind = watch_is_behind,
	.on_free = watch_on_free,
};

struct api_watch *api_watch_create(struct loop *loop, struct store *store)
{
	struct api_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->hub = (struct feed_hub){.ops = &ops, .loop = loop};
	watch->store = store;
	watch->ring = watch_ring_create(store);
	if (watch->ring)
		return watch;
	free(watch);
	return NULL;
}

void api_watch_destroy(struct api_watch *watch)
{
	if (watch)
		watch_ring_free(watch->ring);
	free(watch);
}

void api_watch_publish(struct api_watch *watch)
{
	if (!watch->is_dirty)
		return;
	watch->is_dirty = false;
	feed_publish(&watch->hub);
}

void api_watch_stop(struct api_watch *watch)
{
	feed_stop(&watch->hub);
}

uint32_t api_watch_client_count(const struct api_watch *watch)
{
	return watch->hub.count;
}

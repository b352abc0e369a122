/*
 * The parts of `causeway-perf top`: two snapshots of one gateway become a page of text, one JSON
 * object, or a live screen. One thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "perf/counter_reader.h"
#include "perf/page.h"
#include "perf/snapshot.h"

/* A gateway whose heartbeat is older is taken for dead or hung; it beats every 100 ms. */
#define TOP_HEARTBEAT_NS 3000000000ull

enum top_sort {
	TOP_SORT_NAME,
	TOP_SORT_RATE,
	TOP_SORT_DROPS,
	TOP_SORT_COUNT
};
const char *top_sort_name(enum top_sort sort);

uint64_t top_uptime_ns(const struct snapshot *snapshot);
uint64_t top_heartbeat_age_ns(const struct snapshot *snapshot);

/* Reorders after->ports and after->paths: by name, or the busiest or most dropping first. */
void top_sort_snapshot(struct snapshot *after, const struct snapshot *before, enum top_sort sort);

/*
 * The overview. before may be NULL, or of another run: no rates yet. selected: name of the path to
 * mark, or NULL.
 */
void top_page_build(struct page *page, const struct snapshot *before, const struct snapshot *after,
		    const char *selected);
/* One path in full. */
void top_path_build(struct page *page, const struct snapshot *before, const struct snapshot *after,
		    const char *name);

/* Parts of these pages; before is of the same run, or NULL. */
struct path_view;
void top_page_links(struct page *page, const struct snapshot *before, const struct snapshot *after);
void top_page_paths(struct page *page, const struct snapshot *before, const struct snapshot *after,
		    const char *selected);
/* What limits the path; all: also when nothing does. */
void top_page_limits(struct page *page, const struct path_view *view, bool shows_all);
/* What to do about drops and what the kernel keeps. */
void top_page_reasons(struct page *page, const struct snapshot *before,
		      const struct snapshot *after);
void top_path_reasons(struct page *page, const struct snapshot *before,
		      const struct snapshot *after, const struct snapshot_path *path);

/* A new reference, or NULL: out of memory. before is of the same run. */
json_t *top_json(const struct snapshot *before, const struct snapshot *after);

/* The transport of a path and its links, for the object above; NULL: out of memory. */
json_t *top_transport_json(const struct path_view *view);
json_t *top_limits_json(const struct path_view *view);
json_t *top_links_json(const struct snapshot *before, const struct snapshot *after);

/* Shows a file's counters until q, SIGINT or SIGTERM; at first those of one path, when it is named.
 * Exit code. */
int top_screen_run(const char *file, uint64_t interval_ns, const char *path_name);

/* The command. Exit codes: 0, 1 failure, 2 usage, 3 no gateway that can be read. */
int top_main(int argc, char **argv);

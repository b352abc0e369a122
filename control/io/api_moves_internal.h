/* What the parts of api_moves.h share. */
#pragma once

#include "control/io/api_internal.h"
#include "control/io/api_moves.h"
#include "control/io/suspects.h"

#define MS 1000000ull
#define S  (1000 * MS)
/* Between two attempts at what found no link. */
#define RETRY_NS (5 * S)

struct api_moves {
	struct api *api;
	struct name_index drains; /* struct drain, by link */
	struct suspects suspects; /* links */
	uint64_t link_news;	  /* counts links that came, went or changed */
	struct loop_timer timer;
};

/* There is to be a look at the link then, or sooner. */
void moves_poke(struct api_moves *moves, const char *link, uint64_t delay_ns);
/* Of the timer: looks at the links whose time has come. */
void moves_on_drains(struct loop_timer *timer, void *arg);

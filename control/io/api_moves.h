/*
 * Moves of paths to other links, by control itself: api_moves.c. Control's thread.
 */
#pragma once

#include "control/io/store.h"
#include "control/io/validate.h"

struct api;
struct api_moves;

/* NULL without memory. After the API's live and roster, and before its paths are looked at. */
struct api_moves *api_moves_create(struct api *api);
void api_moves_stop(struct api_moves *moves);
void api_moves_destroy(struct api_moves *moves);
/* A link was put or deleted: its paths may have to go. */
void api_moves_note_link(struct api_moves *moves, const char *link);
/* A path was put. */
void api_moves_note_path(struct api_moves *moves, const struct object *path);
/*
 * Does what is to be done about the path's links, as its gateways tell. Returns when there is to be
 * another look, whatever happens; ns since the epoch, UINT64_MAX: never.
 */
uint64_t api_moves_look(struct api_moves *moves, const struct object *path);
/* Of a link that is drained or down: how many paths found no other one; false: it is neither. */
bool api_moves_stays(const struct api_moves *moves, const char *link, size_t *count);
/* Is it one that lost a path a short while ago, or was not proved? arg: struct api_moves. */
bool api_moves_is_suspect(const char *link, void *arg);

/*
 * What filters ask of an object, as it was at one time: kept for when the object is another one or
 * gone. Shared by count; control's thread.
 */
#pragma once

#include "control/io/api_query.h"

struct object_mark {
	uint32_t holders;
	uint32_t label_count;
	char name[MODEL_NAME_BYTES];
	char tenant[MODEL_NAME_BYTES];
	struct label labels[];
};

/* NULL without memory, or for no object. One holder, the caller. */
struct object_mark *object_mark_make(const struct object *object);
/* Another holder; NULL is fine. */
struct object_mark *object_mark_hold(struct object_mark *mark);
void object_mark_drop(struct object_mark *mark);
/* False for NULL: what is not there matches nothing. */
bool object_mark_matches(const struct object_mark *mark, enum model_kind kind,
			 const struct api_filter *filter);

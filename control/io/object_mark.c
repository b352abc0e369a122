#include "control/io/object_mark.h"

#include <stdlib.h>
#include <string.h>

struct object_mark *object_mark_make(const struct object *object)
{
	size_t labels_size = object ? object->label_count * sizeof(object->labels[0]) : 0;
	struct object_mark *mark = object ? malloc(sizeof(*mark) + labels_size) : NULL;

	if (!mark)
		return NULL;
	mark->holders = 1;
	mark->label_count = object->label_count;
	model_name_set(mark->name, object->name);
	model_name_set(mark->tenant, object_tenant(object));
	memcpy(mark->labels, object->labels, labels_size);
	return mark;
}

struct object_mark *object_mark_hold(struct object_mark *mark)
{
	if (mark)
		mark->holders++;
	return mark;
}

void object_mark_drop(struct object_mark *mark)
{
	if (mark && !--mark->holders)
		free(mark);
}

bool object_mark_matches(const struct object_mark *mark, enum model_kind kind,
			 const struct api_filter *filter)
{
	return mark &&
	       api_filter_matches(filter, kind, mark->tenant, mark->labels, mark->label_count);
}

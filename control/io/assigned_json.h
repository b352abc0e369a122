/*
 * What control assigned to an object, as JSON for the store: numbers, generations, what became of a
 * reservation. It is not part of a resource's spec and clients never write it. Whoever adds a field
 * to such a part of model.h adds it here; test_store sees to it.
 */
#pragma once

#include "control/core/model.h"
#include "control/io/json_place.h"

/* NULL: nothing is assigned to this kind. */
json_t *assigned_json(const struct object *object);
/* Fields that are not there stay as they are. False, and the problem says where, when not. */
bool assigned_read(const struct json_place *place, struct object *object);

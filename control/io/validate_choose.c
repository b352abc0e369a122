/* Of the links between a path's sites: which one it takes, and which one beside it. */
#include <string.h>

#include "control/io/validate_place.h"

static const struct path *path_of(const struct place *place)
{
	return &place->object->path;
}

uint32_t place_option(const struct place *place, const char *link)
{
	for (uint32_t i = 0; i < place->count; i++) {
		if (!strcmp(place->links[i]->name, link))
			return i;
	}
	return ADMISSION_NO_OPTION;
}

/* The link that the spec names, or none at all. */
static void choose_pinned(struct place *place, struct choice *choice,
			  struct admission_verdict *verdict)
{
	uint32_t pin = place_option(place, path_of(place)->pin);
	struct admission_request request = place->request;

	*verdict = (struct admission_verdict){.code = ADMISSION_NO_ROUTE,
					      .option = ADMISSION_NO_OPTION};
	if (pin == ADMISSION_NO_OPTION)
		return;
	request.current = request.current == pin ? 0 : ADMISSION_NO_OPTION;
	admission_decide(&request, &place->options[pin], 1, place->scratch, verdict);
	verdict->option = choice->first = pin;
	for (uint32_t i = 0; i < verdict->offer_count; i++)
		verdict->offers[i].option = pin;
}

static void choose_second(struct place *place, struct choice *choice)
{
	choice->second = admission_second(&place->request, place->options, place->count,
					  choice->first, place->second, place->scratch);
}

/* It has been on one link since the other one failed: that is no reason to refuse anything. */
static bool may_lack_second(const struct place *place)
{
	const struct draft_item *item =
		draft_find(place->rules->draft, KIND_PATH, place->object->name);
	const struct path *old = item && item->old ? &item->old->path : NULL;

	return old && old->protection == PROTECTION_ONE_TO_ONE && !old->assigned.backup[0] &&
	       old->assigned.link[0] && old->assigned.life != LIFE_EXPIRED;
}

static void refuse_second(struct admission_verdict *verdict)
{
	verdict->code = ADMISSION_NO_DISJOINT;
	verdict->lacks_second = true;
	verdict->offer_count = 0;
}

bool place_choose(struct place *place, bool is_asked, struct choice *choice,
		  struct admission_verdict *verdict)
{
	const struct path *path = path_of(place);
	bool is_single = path->protection == PROTECTION_NONE || may_lack_second(place);
	bool is_pinned = path->pin[0] && (is_asked || !strcmp(path->pin, path->assigned.link));

	*choice = (struct choice){ADMISSION_NO_OPTION, ADMISSION_NO_OPTION};
	if (is_pinned) {
		choose_pinned(place, choice, verdict);
	} else if (is_single) {
		admission_decide(&place->request, place->options, place->count, place->scratch,
				 verdict);
	} else {
		choice->second = place->second;
		admission_decide_pair(&place->request, place->options, place->count, place->scratch,
				      &choice->second, verdict);
	}
	choice->first = verdict->option;
	if (verdict->code != ADMISSION_OK || path->protection == PROTECTION_NONE)
		return verdict->code == ADMISSION_OK;
	if (is_pinned || is_single)
		choose_second(place, choice);
	if (choice->second == ADMISSION_NO_OPTION && !may_lack_second(place))
		refuse_second(verdict);
	return verdict->code == ADMISSION_OK;
}

void place_take(const struct place *place, const struct choice *choice,
		struct path_assignment *assigned)
{
	const char *second =
		choice->second == ADMISSION_NO_OPTION ? "" : place->links[choice->second]->name;

	model_name_set(assigned->link, place->links[choice->first]->name);
	model_name_set(assigned->backup, second);
	assigned->is_reversed = place->options[choice->first].route.is_reversed[0];
}

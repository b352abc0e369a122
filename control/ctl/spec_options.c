#include "control/ctl/spec_options.h"

#include "control/ctl/match_spec.h"
#include "control/ctl/output.h"

void spec_set_text(const struct ctl *ctl, const char *option, const char *member, json_t *spec)
{
	const char *text = ctl_option(ctl, option);

	if (text)
		json_object_set_new(spec, member, json_string(text));
}

enum exit_code spec_set_matches(const struct ctl *ctl, json_t *spec)
{
	char error[MATCH_SPEC_ERROR_BYTES];
	json_t *list = json_array();
	const char *text;

	for (uint32_t i = 0; (text = ctl_option_at(ctl, "match", i)); i++) {
		json_t *match = match_spec_parse(text, error);

		if (!match) {
			json_decref(list);
			return output_error(ctl, EXIT_USAGE, "usage", "--match: %s", error);
		}
		json_array_append_new(list, match);
	}
	if (json_array_size(list) > 0)
		json_object_set(spec, "match", list);
	json_decref(list);
	return EXIT_OK;
}

#include "control/ctl/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/core/units.h"

struct parser {
	struct ctl *ctl;
	int argc, next;
	char *const *argv;
	char *error;
	bool help, version;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct parser *parser, const char *format,
						       ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->error, OPTIONS_ERROR_BYTES, format, args);
	va_end(args);
	return -1;
}

static const struct option_def *find_long(const struct option_def *list, const char *name,
					  size_t len)
{
	for (; list->name; list++) {
		if (strlen(list->name) == len && memcmp(list->name, name, len) == 0)
			return list;
	}
	return NULL;
}

static const struct option_def *find_letter(const struct option_def *list, char letter)
{
	for (; list->name; list++) {
		if (list->letter == letter)
			return list;
	}
	return NULL;
}

static int set_output(struct parser *parser, const char *value)
{
	parser->ctl->json = strcmp(value, "json") == 0;
	if (!parser->ctl->json && strcmp(value, "table") != 0)
		return wrong(parser, "--output is table or json, not \"%.40s\"", value);
	return 0;
}

static int set_global(struct parser *parser, const struct option_def *option, const char *value)
{
	switch (option->name[0]) {
	case 'o':
		return set_output(parser, value);
	case 'u':
		parser->ctl->url = value;
		return 0;
	case 'c':
		*(option->name[1] == 'a' ? &parser->ctl->ca : &parser->ctl->cert) = value;
		return 0;
	case 'k':
		parser->ctl->key = value;
		return 0;
	case 'h':
		parser->help = true;
		return 0;
	case 'v':
		parser->version = true;
		return 0;
	default:
		break;
	}
	if (units_parse_time(value, &parser->ctl->timeout_ns) || parser->ctl->timeout_ns == 0)
		return wrong(parser, "--timeout is a time such as 30s or 500ms, not \"%.40s\"",
			     value);
	return 0;
}

static int set_option(struct parser *parser, const struct option_def *option, const char *value)
{
	struct ctl *ctl = parser->ctl;

	if (find_long(global_options, option->name, strlen(option->name)) == option)
		return set_global(parser, option, value);
	if (!option->repeats && ctl_option(ctl, option->name))
		return wrong(parser, "--%s is given twice", option->name);
	if (ctl->value_count == COMMAND_VALUES_MAX)
		return wrong(parser, "too many options");
	ctl->values[ctl->value_count++] = (struct option_value){option, value};
	return 0;
}

/* value: what stood behind = or the letter, or NULL. */
static int take_option(struct parser *parser, const struct option_def *option, const char *value)
{
	bool optional = option->metavar && option->metavar[0] == '[';

	if (!option->metavar && value)
		return wrong(parser, "--%s takes no value", option->name);
	if (option->metavar && !value && !optional) {
		if (parser->next == parser->argc)
			return wrong(parser, "--%s needs a value: %s", option->name,
				     option->metavar);
		value = parser->argv[parser->next++];
	}
	return set_option(parser, option, value ? value : "");
}

static int parse_long(struct parser *parser, const char *text)
{
	size_t len = strcspn(text, "=");
	const struct option_def *option = find_long(global_options, text, len);

	if (!option && parser->ctl->command)
		option = find_long(parser->ctl->command->options, text, len);
	if (!option)
		return wrong(parser, "unknown option --%.*s", (int)(len > 60 ? 60 : len), text);
	return take_option(parser, option, text[len] ? text + len + 1 : NULL);
}

static int parse_letter(struct parser *parser, const char *text)
{
	const struct option_def *option = find_letter(global_options, text[0]);

	if (!option && parser->ctl->command)
		option = find_letter(parser->ctl->command->options, text[0]);
	if (!option)
		return wrong(parser, "unknown option -%c", text[0]);
	return take_option(parser, option, text[1] ? text + 1 : NULL);
}

static const struct command *find_command(const char *noun, const char *verb)
{
	const struct command *command = commands;

	while (command->noun && (strcmp(command->noun, noun) != 0 ||
				 (command->verb && (!verb || strcmp(command->verb, verb) != 0))))
		command++;
	return command->noun ? command : NULL;
}

static bool noun_has_verbs(const char *noun)
{
	for (const struct command *command = commands; command->noun; command++) {
		if (command->verb && strcmp(command->noun, noun) == 0)
			return true;
	}
	return false;
}

/* The command's one or two words come before its own options and arguments. */
static int take_word(struct parser *parser, const char *word, const char **noun)
{
	struct ctl *ctl = parser->ctl;

	if (ctl->command) {
		if (ctl->arg_count == COMMAND_ARGS_MAX || ctl->arg_count == ctl->command->args_max)
			return wrong(parser, "one argument too many: \"%.60s\"", word);
		ctl->args[ctl->arg_count++] = word;
		return 0;
	}
	if (*noun) {
		ctl->command = find_command(*noun, word);
		return ctl->command ? 0 : wrong(parser, "unknown command: %s %.40s", *noun, word);
	}
	if (noun_has_verbs(word)) {
		*noun = word;
		return 0;
	}
	ctl->command = find_command(word, NULL);
	return ctl->command ? 0 : wrong(parser, "unknown command: %.40s", word);
}

static int parse_words(struct parser *parser)
{
	const char *noun = NULL;
	bool only_words = false;
	int err = 0;

	while (!err && parser->next < parser->argc) {
		const char *word = parser->argv[parser->next++];

		if (only_words || word[0] != '-' || word[1] == '\0')
			err = take_word(parser, word, &noun);
		else if (strcmp(word, "--") == 0)
			only_words = true;
		else if (word[1] == '-')
			err = parse_long(parser, word + 2);
		else
			err = parse_letter(parser, word + 1);
	}
	if (!err && !parser->ctl->command && !parser->help && !parser->version)
		err = noun ? wrong(parser, "%s needs a verb: see causewayctl --help", noun)
			   : wrong(parser, "no command: see causewayctl --help");
	return err;
}

/* Even a usage error is told in the form that was asked for, wherever that stands. */
static bool wants_json(int argc, char *const argv[])
{
	bool json = false;

	for (int i = 1; i < argc; i++) {
		const char *value = NULL;

		if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0)
			value = i + 1 < argc ? argv[i + 1] : "";
		else if (strncmp(argv[i], "--output=", 9) == 0)
			value = argv[i] + 9;
		else if (strncmp(argv[i], "-o", 2) == 0)
			value = argv[i] + 2;
		else if (strcmp(argv[i], "--") == 0)
			break;
		if (value)
			json = strcmp(value, "json") == 0;
	}
	return json;
}

enum options_result options_parse(struct ctl *ctl, int argc, char *const argv[], char *error)
{
	struct parser parser = {.ctl = ctl, .argc = argc, .next = 1, .argv = argv, .error = error};

	*ctl = (struct ctl){.json = wants_json(argc, argv)};
	error[0] = '\0';
	if (parse_words(&parser))
		return OPTIONS_WRONG;
	if (parser.version)
		return OPTIONS_VERSION;
	if (parser.help)
		return OPTIONS_HELP;
	if (ctl->arg_count < ctl->command->args_min) {
		wrong(&parser, "an argument is missing: %s", ctl->command->args);
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

const char *ctl_option_at(const struct ctl *ctl, const char *name, uint32_t n)
{
	for (uint32_t i = 0; i < ctl->value_count; i++) {
		if (strcmp(ctl->values[i].option->name, name) == 0 && n-- == 0)
			return ctl->values[i].value;
	}
	return NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	return ctl_option_at(ctl, name, 0);
}

#include "control/ctl/help.h"

#include <string.h>

static void print_options(FILE *out, const struct option_def *options)
{
	for (; options->name; options++) {
		const char *metavar = options->metavar ? options->metavar : "";
		bool optional = metavar[0] == '[';
		char text[64];

		snprintf(text, sizeof(text), "--%s%s%s", options->name,
			 metavar[0] && !optional ? " " : "", metavar);
		if (options->letter)
			fprintf(out, "  -%c, %-28s %s\n", options->letter, text, options->help);
		else
			fprintf(out, "      %-28s %s\n", text, options->help);
	}
}

static void command_text(const struct command *command, char *text, size_t size)
{
	snprintf(text, size, "%s%s%s%s%s", command->noun, command->verb ? " " : "",
		 command->verb ? command->verb : "", command->args ? " " : "",
		 command->args ? command->args : "");
}

static void print_overview(FILE *out)
{
	fprintf(out, "causewayctl: Causeway's control API from a shell\n\n"
		     "usage: causewayctl COMMAND [ARGUMENTS] [OPTIONS]\n\ncommands:\n");
	for (const struct command *command = commands; command->noun; command++) {
		char text[64];

		command_text(command, text, sizeof(text));
		fprintf(out, "  %-22s %s\n", text, command->summary);
	}
	fprintf(out, "\noptions of every command:\n");
	print_options(out, global_options);
	fprintf(out,
		"\nexit: 0 done, 1 refused, 2 wrong usage or file, 3 control cannot be reached, "
		"4 timed out\n");
}

void help_print(FILE *out, const struct command *command)
{
	char text[64];

	if (!command) {
		print_overview(out);
		return;
	}
	command_text(command, text, sizeof(text));
	fprintf(out, "%s: %s\n\nusage: causewayctl %s%s\n", text, command->summary, text,
		command->options[0].name ? " [OPTIONS]" : "");
	if (command->options[0].name) {
		fprintf(out, "\noptions:\n");
		print_options(out, command->options);
	}
	fprintf(out, "\noptions of every command:\n");
	print_options(out, global_options);
	if (command->details)
		fprintf(out, "\n%s", command->details);
}

#include <string.h>

#include "control/ctl/command.h"
#include "control/ctl/completion.h"
#include "control/ctl/run.h"

/* man(7): a backslash and a leading dot or quote mean something to troff, a plain dash is a hyphen.
 */
static void text_print(FILE *out, const char *text)
{
	bool is_start = true;

	for (; *text; text++) {
		if (is_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		is_start = *text == '\n';
	}
}

static void option_print(FILE *out, const struct option_def *option)
{
	const char *metavar = option->metavar ? option->metavar : "";

	fputs(".TP\n", out);
	if (option->letter)
		fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
	fputs("\\fB\\-\\-", out);
	text_print(out, option->name);
	fprintf(out, "\\fR%s\\fI", metavar[0] && metavar[0] != '[' ? " " : "");
	text_print(out, metavar);
	fputs("\\fR\n", out);
	text_print(out, option->help);
	fputs(option->repeats ? "; may be repeated\n" : "\n", out);
}

static void options_print(FILE *out, const struct option_def *options)
{
	for (; options->name; options++)
		option_print(out, options);
}

static void command_print(FILE *out, const struct command *command)
{
	fputs(".SS \"", out);
	text_print(out, command->noun);
	if (command->verb)
		fprintf(out, " %s", command->verb);
	if (command->args)
		fprintf(out, " %s", command->args);
	fputs("\"\n", out);
	text_print(out, command->summary);
	fputs(".\n", out);
	if (command->details) {
		fputs(".PP\n.nf\n", out);
		text_print(out, command->details);
		fputs(".fi\n", out);
	}
	options_print(out, command->options);
}

static const char head[] =
	".TH CAUSEWAYCTL 1 \"\" \"Causeway " CAUSEWAY_VERSION "\" \"Causeway\"\n"
	".SH NAME\n"
	"causewayctl \\- Causeway's control API from a shell\n"
	".SH SYNOPSIS\n"
	".B causewayctl\n"
	".I COMMAND\n"
	"[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
	".SH DESCRIPTION\n"
	"Asks causeway\\-control for paths between sites, and shows what it knows of them. Results go "
	"to standard output as tables, or with \\fB\\-o json\\fR as one JSON object; errors go to "
	"standard error, in JSON mode also as one object to standard output.\n";

static const char tail[] =
	".SH ENVIRONMENT\n"
	".TP\n\\fBCAUSEWAY_URL\\fR\nwhere control listens, if \\fB\\-\\-url\\fR does not say it\n"
	".SH EXIT STATUS\n"
	".TP\n0\ndone\n"
	".TP\n1\ncontrol refused it, and says why\n"
	".TP\n2\nwrong usage, or a file that is no good; of validate: differences\n"
	".TP\n3\ncontrol cannot be reached\n"
	".TP\n4\nthe time was up\n";

void manual_print(FILE *out)
{
	fputs(head, out);
	fputs(".SH OPTIONS\n", out);
	options_print(out, global_options);
	fputs(".SH COMMANDS\n", out);
	for (const struct command *command = commands; command->noun; command++)
		command_print(out, command);
	fputs(tail, out);
}

enum exit_code run_manual(struct ctl *ctl)
{
	(void)ctl;
	manual_print(stdout);
	return EXIT_OK;
}

enum exit_code run_completion(struct ctl *ctl)
{
	(void)ctl;
	completion_print(stdout);
	return EXIT_OK;
}

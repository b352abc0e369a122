/* causewayctl: reads the command line, runs one command, exits with its code. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/api.h"
#include "control/ctl/command.h"
#include "control/ctl/help.h"
#include "control/ctl/options.h"
#include "control/ctl/output.h"
#include "control/ctl/run.h"
#include "control/io/tls_context.h"

static enum exit_code show_version(const struct ctl *ctl)
{
	if (ctl->json)
		printf("{\"version\": \"%s\"}\n", CAUSEWAY_VERSION);
	else
		printf("causewayctl %s\n", CAUSEWAY_VERSION);
	return EXIT_OK;
}

static enum exit_code show_help(const struct ctl *ctl)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory;
	json_t *value;

	if (!ctl->json) {
		help_print(stdout, ctl->command);
		return EXIT_OK;
	}
	memory = open_memstream(&text, &len);
	if (!memory)
		return output_error(ctl, EXIT_UNREACHABLE, "no-memory", "out of memory");
	help_print(memory, ctl->command);
	fclose(memory);
	value = json_pack("{s:s}", "help", text);
	output_json(value);
	json_decref(value);
	free(text);
	return EXIT_OK;
}

static enum exit_code connect_failure(const struct ctl *ctl, int error)
{
	switch (error) {
	case EINVAL:
		return output_error(ctl, EXIT_USAGE, "usage",
				    "\"%s\" is no URL such as https://10.254.0.1:7700, "
				    "http://[::1]:7700 or unix:/run/causeway/control",
				    ctl->url);
	case ENOENT:
		return output_error(ctl, EXIT_UNREACHABLE, "unreachable",
				    "the host of %s does not resolve: check --url or CAUSEWAY_URL",
				    ctl->url);
	default:
		return output_error(ctl, EXIT_UNREACHABLE, "unreachable",
				    "cannot start the event loop: %s (io_uring is needed)",
				    strerror(error));
	}
}

static enum exit_code run(struct ctl *ctl)
{
	struct tls_files tls;
	enum exit_code code;

	if (ctl->command->is_local)
		return ctl->command->run(ctl);
	if (!ctl->url)
		ctl->url = getenv("CAUSEWAY_URL");
	if (!ctl->url || !ctl->url[0])
		ctl->url = CTL_DEFAULT_URL;
	tls = (struct tls_files){
		.ca = ctl->ca ? ctl->ca : getenv("CAUSEWAY_CA"),
		.cert = ctl->cert ? ctl->cert : getenv("CAUSEWAY_CERT"),
		.key = ctl->key ? ctl->key : getenv("CAUSEWAY_KEY"),
	};
	ctl->api = api_create(ctl->url, &tls);
	if (!ctl->api)
		return connect_failure(ctl, errno);
	code = ctl->command->run(ctl);
	api_destroy(ctl->api);
	return code;
}

int main(int argc, char **argv)
{
	char error[OPTIONS_ERROR_BYTES];
	struct ctl ctl;
	enum exit_code code = EXIT_OK;

	switch (options_parse(&ctl, argc, argv, error)) {
	case OPTIONS_RUN:
		code = run(&ctl);
		break;
	case OPTIONS_HELP:
		code = show_help(&ctl);
		break;
	case OPTIONS_VERSION:
		code = show_version(&ctl);
		break;
	case OPTIONS_WRONG:
		code = output_error(&ctl, EXIT_USAGE, "usage", "%s", error);
		break;
	}
	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "causewayctl: cannot write the output: %s\n", strerror(errno));
		return code ? code : EXIT_USAGE;
	}
	return code;
}

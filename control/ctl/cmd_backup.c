/* backup, restore: copies of control's store, over the API and into a stopped control's file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl/output.h"
#include "control/ctl/request.h"
#include "control/ctl/run.h"
#include "control/io/control_config.h"
#include "control/io/store.h"

#define TIMEOUT_NS     600000000000ull
#define CONFIG_DEFAULT "/etc/causeway/control.yaml"

struct copy {
	int fd;
	int error;
	uint64_t bytes;
};

static void on_data(const uint8_t *data, size_t len, void *arg)
{
	struct copy *copy = arg;

	while (len && !copy->error) {
		ssize_t written = write(copy->fd, data, len);

		if (written < 0 && errno != EINTR)
			copy->error = errno;
		if (written < 0)
			continue;
		data += written;
		len -= (size_t)written;
		copy->bytes += (uint64_t)written;
	}
}

static enum exit_code file_failure(const struct ctl *ctl, const char *path, int error)
{
	return output_error(ctl, EXIT_USAGE, "file", "%s cannot be written: %s", path,
			    strerror(error));
}

static enum exit_code receive(struct ctl *ctl, struct copy *copy)
{
	struct api_request request = {
		.method = "GET",
		.path = "/v1/backup",
		.accept = "application/vnd.sqlite3",
		.timeout_ns = ctl->timeout_ns ? ctl->timeout_ns : TIMEOUT_NS,
		.on_data = on_data,
		.arg = copy,
	};
	struct api_reply reply;
	enum exit_code code;

	api_send(ctl->api, &request, &reply);
	code = output_failure(ctl, &reply, NULL, NULL);
	api_reply_free(&reply);
	return code;
}

/* Under a name that nobody takes for a backup, until it is one. */
static enum exit_code fetch(struct ctl *ctl, const char *part, const char *to, struct copy *copy)
{
	enum exit_code code = receive(ctl, copy);
	char error[400] = "";

	if (!code && !copy->error && fsync(copy->fd))
		copy->error = errno;
	if (!code && copy->error)
		return file_failure(ctl, part, copy->error);
	if (!code && store_backup_check(part, error, sizeof(error)))
		return output_error(ctl, EXIT_UNREACHABLE, "damaged", "%s", error);
	/* Never over a file that came meanwhile. */
	if (!code && link(part, to))
		return file_failure(ctl, to, errno);
	return code;
}

static void backup_print(const struct ctl *ctl, const char *path, const struct copy *copy)
{
	json_t *json;

	if (!ctl->json) {
		printf("%s: %llu bytes, checked\n", path, (unsigned long long)copy->bytes);
		return;
	}
	json = json_pack("{s:s, s:s, s:I}", "kind", "backup", "file", path, "bytes",
			 (json_int_t)copy->bytes);
	output_json(json);
	json_decref(json);
}

enum exit_code run_backup(struct ctl *ctl)
{
	const char *path = ctl->args[0];
	struct copy copy = {.fd = -1};
	enum exit_code code;
	char part[4096];

	if (!access(path, F_OK))
		return output_error(ctl, EXIT_USAGE, "file", "%s is there already; name a new file",
				    path);
	snprintf(part, sizeof(part), "%s.part", path);
	unlink(part);
	copy.fd = open(part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (copy.fd < 0)
		return file_failure(ctl, part, errno);
	code = fetch(ctl, part, path, &copy);
	close(copy.fd);
	unlink(part);
	if (!code)
		backup_print(ctl, path, &copy);
	return code;
}

/* Of --store, or of control's configuration; NULL, reported. malloc'ed. */
static char *store_find(const struct ctl *ctl)
{
	const char *store = ctl_option(ctl, "store"), *config = ctl_option(ctl, "config");
	struct control_config *read;
	char error[400] = "", *path;

	if (store)
		return strdup(store);
	config = config ? config : CONFIG_DEFAULT;
	read = control_config_load(config, error, sizeof(error));
	if (!read) {
		output_error(ctl, EXIT_USAGE, "config", "%s", error);
		return NULL;
	}
	path = read->store.path && strcmp(read->store.path, STORE_MEMORY) != 0
		       ? strdup(read->store.path)
		       : NULL;
	control_config_free(read);
	if (!path)
		output_error(ctl, EXIT_USAGE, "config",
			     "%s names no store: name its file with --store", config);
	return path;
}

enum exit_code run_restore(struct ctl *ctl)
{
	char *store = store_find(ctl), error[400] = "";
	enum exit_code code = EXIT_OK;
	json_t *json;

	if (!store)
		return EXIT_USAGE;
	if (store_restore(store, ctl->args[0], error, sizeof(error)))
		code = output_error(ctl, EXIT_USAGE, "restore", "%s", error);
	if (!code && !ctl->json)
		printf("%s has what was in %s; start control\n", store, ctl->args[0]);
	if (!code && ctl->json) {
		json = json_pack("{s:s, s:s, s:s}", "kind", "restore", "store", store, "from",
				 ctl->args[0]);
		output_json(json);
		json_decref(json);
	}
	free(store);
	return code;
}

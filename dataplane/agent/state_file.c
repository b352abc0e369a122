#include "dataplane/agent/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES_MAX (INTENT_LINE_MAX + 1u)

/* mkdir -p. */
static int make_dirs(const char *dir)
{
	char path[sizeof(((struct state_file *)NULL)->dir)];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = path + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	return 0;
}

int state_file_open(struct state_file *state, const char *state_dir, const char *gateway)
{
	int len = snprintf(state->dir, sizeof(state->dir), "%s/%s", state_dir, gateway);

	if (len < 0 || (size_t)len >= sizeof(state->dir))
		return -ENAMETOOLONG;
	return make_dirs(state->dir);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

static int write_synced(int dir_fd, const char *name, const char *data, size_t len)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, data, len);
	if (!err && fsync(fd))
		err = -errno;
	/* close reports what a network file system could not write. */
	if (close(fd) && !err)
		err = -errno;
	return err;
}

int state_file_write(const struct state_file *state, const char *name, const char *data, size_t len)
{
	int dir_fd = open(state->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char beside[64];
	int err;

	if (dir_fd < 0)
		return -errno;
	snprintf(beside, sizeof(beside), "%s.new", name);
	err = write_synced(dir_fd, beside, data, len);
	if (!err && renameat(dir_fd, beside, dir_fd, name))
		err = -errno;
	if (!err && fsync(dir_fd))
		err = -errno;
	if (err)
		unlinkat(dir_fd, beside, 0);
	close(dir_fd);
	return err;
}

static int read_all(int fd, char *data, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t done = read(fd, data + *len, size - *len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			break;
		*len += (size_t)done;
	}
	return 0;
}

int state_file_read(const struct state_file *state, const char *name, char **data, size_t *len)
{
	char path[sizeof(state->dir) + 32];
	struct stat info;
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", state->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fstat(fd, &info) ? -errno : 0;
	if (!err && (!S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX))
		err = -EFBIG;
	*data = err ? NULL : malloc((size_t)info.st_size + 1);
	if (!err && !*data)
		err = -ENOMEM;
	if (!err)
		err = read_all(fd, *data, (size_t)info.st_size, len);
	close(fd);
	if (err) {
		free(*data);
		*data = NULL;
		return err;
	}
	(*data)[*len] = '\0';
	return 0;
}

int state_file_save_intent(const struct state_file *state, const char *line, size_t len)
{
	return state_file_write(state, "intent.json", line, len);
}

static int parse_saved(const struct state_file *state, const char *text, size_t len,
		       struct intent **intent, char *warning)
{
	const char *gateway = strrchr(state->dir, '/') + 1;
	char error[INTENT_JSON_ERROR_BYTES];
	struct intent_line line;
	int err = intent_json_parse(text, len, &line, error);

	if (!err && (line.type != INTENT_LINE_INTENT || strcmp(line.gateway, gateway) != 0)) {
		snprintf(error, sizeof(error), "not an intent of gateway %s", gateway);
		intent_free(line.intent);
		err = -EINVAL;
	}
	if (err) {
		snprintf(warning, INTENT_JSON_ERROR_BYTES, "saved intent ignored: %.150s", error);
		return err;
	}
	*intent = line.intent;
	return 1;
}

int state_file_load_intent(const struct state_file *state, struct intent **intent, char *warning)
{
	char *text = NULL;
	size_t len = 0;
	int err;

	*intent = NULL;
	warning[0] = '\0';
	err = state_file_read(state, "intent.json", &text, &len);
	if (err == -ENOENT)
		return 0;
	if (err) {
		snprintf(warning, INTENT_JSON_ERROR_BYTES, "saved intent not read: %s",
			 strerror(-err));
		return err;
	}
	err = parse_saved(state, text, len, intent, warning);
	free(text);
	return err;
}

/* Decimal digits, an optional line end, nothing else. */
static bool boot_parse(const char *text, size_t len, uint32_t *boot)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value >= UINT32_MAX)
			return false;
	}
	if (i == 0 || (i < len && (text[i] != '\n' || i + 1 != len)))
		return false;
	*boot = (uint32_t)value;
	return true;
}

int state_file_next_boot(const struct state_file *state, uint32_t *boot, char *warning)
{
	char digits[16];
	char *text = NULL;
	size_t len = 0;
	uint32_t stored = 0;
	int err;

	warning[0] = '\0';
	err = state_file_read(state, "boot", &text, &len);
	if ((err && err != -ENOENT) || (!err && !boot_parse(text, len, &stored))) {
		snprintf(warning, INTENT_JSON_ERROR_BYTES,
			 "restart count %s: counting on from the clock",
			 err ? strerror(-err) : "is not a number");
		stored = (uint32_t)time(NULL);
	}
	free(text);
	*boot = stored + 1;
	snprintf(digits, sizeof(digits), "%u\n", *boot);
	return state_file_write(state, "boot", digits, strlen(digits));
}

#include "perf/counter_reader.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_counters(const char *run_dir, const char *name)
{
	char path[PATH_MAX];

	if (name[0] == '.' || strlen(name) >= CW_NAME_BYTES)
		return false;
	if (snprintf(path, sizeof(path), "%s/%s/counters", run_dir, name) >= (int)sizeof(path))
		return false;
	/* A file that we may not read still is a gateway: opening it says what is wrong. */
	return !access(path, F_OK) || errno == EACCES;
}

static int list_add(struct gateway_list *list, const char *name)
{
	char(*names)[CW_NAME_BYTES] = realloc(list->names, (list->count + 1) * sizeof(*names));

	if (!names)
		return -ENOMEM;
	list->names = names;
	memcpy(names[list->count++], name, strlen(name) + 1); /* has_counters saw its length */
	return 0;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int counter_gateways_list(const char *run_dir, struct gateway_list *list)
{
	DIR *dir = opendir(run_dir);
	int err = 0;

	memset(list, 0, sizeof(*list));
	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (const struct dirent *e = readdir(dir); e && !err; e = readdir(dir)) {
		if (has_counters(run_dir, e->d_name))
			err = list_add(list, e->d_name);
	}
	closedir(dir);
	if (err)
		counter_gateways_free(list);
	else if (list->count)
		qsort(list->names, list->count, sizeof(*list->names), name_compare);
	return err;
}

void counter_gateways_free(struct gateway_list *list)
{
	free(list->names);
	memset(list, 0, sizeof(*list));
}

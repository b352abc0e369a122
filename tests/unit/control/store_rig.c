#include "store_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/io/draft.h"

#define TURN_NS	       1000000000ull
#define PATIENCE_TURNS 30

static void on_failed(const char *text, void *arg)
{
	struct rig *rig = arg;

	rig->failures++;
	snprintf(rig->error, sizeof(rig->error), "%s", text);
}

struct rig *rig_try(const char *path, uint64_t keep, const char *vfs)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct store_config config = {
		.path = path ? path : STORE_MEMORY,
		.keep_revisions = keep,
		.vfs = vfs,
		.checkpoint_pages = vfs ? 30 : 0,
		.on_failed = on_failed,
		.arg = rig,
	};

	assert_non_null(rig);
	rig->loop = loop_create();
	assert_non_null(rig->loop);
	rig->store = store_open(rig->loop, &config, rig->error, sizeof(rig->error));
	return rig;
}

struct rig *rig_open(const char *path, uint64_t keep)
{
	struct rig *rig = rig_try(path, keep, NULL);

	if (!rig->store)
		fail_msg("%s", rig->error);
	return rig;
}

void rig_close(struct rig *rig)
{
	store_close(rig->store);
	loop_destroy(rig->loop);
	free(rig);
}

static void on_done(struct store_ticket *ticket, int status, uint64_t revision)
{
	struct rig_ticket *own = (struct rig_ticket *)ticket;

	assert_false(own->is_done);
	own->is_done = true;
	own->status = status;
	own->revision = revision;
}

void rig_ticket_init(struct rig_ticket *ticket)
{
	*ticket = (struct rig_ticket){.ticket = {.on_done = on_done}};
}

void rig_wait(struct rig *rig, struct rig_ticket *ticket)
{
	for (int i = 0; i < PATIENCE_TURNS && !ticket->is_done; i++)
		assert_int_equal(loop_turn(rig->loop, TURN_NS), 0);
	assert_true(ticket->is_done);
}

void site_fill(struct object *object, uint8_t prefix_count)
{
	memset(&object->site, 0, sizeof(object->site));
	object->site.prefix_count = prefix_count;
	for (uint8_t i = 0; i < prefix_count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%u.0.0/16", i);
		assert_int_equal(ip_prefix_parse(text, &object->site.prefixes[i]), 0);
	}
}

static int commit(struct draft *draft, struct rig_ticket *ticket)
{
	int ret;

	rig_ticket_init(ticket);
	ret = draft_commit(draft, &ticket->ticket);
	draft_free(draft);
	return ret;
}

int rig_commit(struct rig *rig, const char *name, uint8_t prefix_count, struct rig_ticket *ticket)
{
	struct draft draft = draft_begin(rig->store);

	site_fill(draft_edit(&draft, KIND_SITE, name), prefix_count);
	return commit(&draft, ticket);
}

int rig_commit_two(struct rig *rig, const char *a, const char *b, uint8_t prefix_count,
		   struct rig_ticket *ticket)
{
	struct draft draft = draft_begin(rig->store);

	site_fill(draft_edit(&draft, KIND_SITE, a), prefix_count);
	site_fill(draft_edit(&draft, KIND_SITE, b), prefix_count);
	return commit(&draft, ticket);
}

static uint64_t finish(struct rig *rig, int ret, struct rig_ticket *ticket)
{
	assert_int_equal(ret, 0);
	rig_wait(rig, ticket);
	assert_int_equal(ticket->status, 0);
	return ticket->revision;
}

uint64_t rig_put(struct rig *rig, const char *name, uint8_t prefix_count)
{
	struct rig_ticket ticket;
	int ret = rig_commit(rig, name, prefix_count, &ticket);

	return finish(rig, ret, &ticket);
}

uint64_t rig_put_two(struct rig *rig, const char *a, const char *b, uint8_t prefix_count)
{
	struct rig_ticket ticket;
	int ret = rig_commit_two(rig, a, b, prefix_count, &ticket);

	return finish(rig, ret, &ticket);
}

uint64_t rig_delete(struct rig *rig, const char *name)
{
	struct draft draft = draft_begin(rig->store);
	struct rig_ticket ticket;
	int ret;

	assert_int_equal(draft_delete(&draft, KIND_SITE, name), 0);
	ret = commit(&draft, &ticket);
	return finish(rig, ret, &ticket);
}

void rig_directory_make(char *path, size_t size)
{
	const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	snprintf(path, size, "%s/causeway-store-XXXXXX", base);
	assert_non_null(mkdtemp(path));
}

void rig_directory_remove(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char file[512];

	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(file);
	}
	closedir(directory);
	rmdir(path);
}

/*
 * GET /v1/backup: the store as it was at one moment, as a file that --restore takes. The copy is
 * made aside (store_snapshot.h) and then sent as the client takes it; one at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/io/api_internal.h"
#include "control/io/store_snapshot.h"

#define PIECE_BYTES (256u << 10)
#define PIECE_NS    1000000ull
/* A client that takes nothing for so long lets another one have it. */
#define STALL_NS 60000000000ull

struct api_backup {
	struct api *api;
	struct h2_exchange *exchange;
	struct store_snapshot *snapshot; /* NULL: it is made */
	struct loop_timer timer;
	int fd;
	off_t offset;
	size_t pending;	   /* at the last look */
	uint64_t moved_ns; /* when it was another number last */
	uint8_t piece[PIECE_BYTES];
};

static void backup_free(struct api_backup *backup)
{
	struct api *api = backup->api;

	loop_timer_cancel(api->loop, &backup->timer);
	h2_exchange_set_on_close(backup->exchange, NULL, NULL);
	store_snapshot_cancel(backup->snapshot);
	if (backup->fd >= 0)
		close(backup->fd);
	api->backup = NULL;
	free(backup);
}

/* The client has a part: it must not take it for the whole. */
static void give_up(struct api_backup *backup)
{
	struct h2_exchange *exchange = backup->exchange;

	backup_free(backup);
	h2_exchange_abort(exchange);
}

static void on_close(struct h2_exchange *exchange, void *arg)
{
	(void)exchange;
	backup_free(arg);
}

static bool is_stalled(struct api_backup *backup)
{
	size_t pending = h2_exchange_pending_bytes(backup->exchange);
	uint64_t now_ns = loop_now_ns(backup->api->loop);

	if (pending != backup->pending || !pending)
		backup->moved_ns = now_ns;
	backup->pending = pending;
	return now_ns - backup->moved_ns > STALL_NS;
}

/* False at the end, or when it cannot go on: the backup is gone then. */
static bool send_piece(struct api_backup *backup)
{
	struct h2_exchange *exchange = backup->exchange;
	ssize_t len;

	if (h2_exchange_pending_bytes(exchange) > PIECE_BYTES)
		return true;
	len = pread(backup->fd, backup->piece, sizeof(backup->piece), backup->offset);
	if (len < 0) {
		give_up(backup);
		return false;
	}
	if (!len) {
		backup_free(backup);
		h2_exchange_end(exchange);
		return false;
	}
	/* Without room for it now it is tried again. */
	if (!h2_exchange_write(exchange, backup->piece, (size_t)len))
		backup->offset += len;
	return true;
}

static void on_timer(struct loop_timer *timer, void *arg)
{
	struct api_backup *backup = arg;

	if (is_stalled(backup))
		give_up(backup);
	else if (send_piece(backup))
		loop_timer_set(backup->api->loop, timer, loop_now_ns(backup->api->loop) + PIECE_NS);
}

static void fail(struct api_backup *backup, const char *error)
{
	struct api_call call = {.api = backup->api, .exchange = backup->exchange};

	backup_free(backup);
	problem_set(&call.problem, 503, "backup-failed", "%s", error);
	api_respond_problem(&call, NULL);
	problem_clear(&call.problem);
}

static void on_copied(int fd, const char *error, void *arg)
{
	struct api_backup *backup = arg;
	char who[IDENTITY_TEXT_BYTES];

	backup->snapshot = NULL;
	backup->fd = fd;
	if (fd < 0) {
		fail(backup, error);
		return;
	}
	backup->moved_ns = loop_now_ns(backup->api->loop);
	/* All that there is leaves the machine: the log has who took it. */
	identity_format(h2_exchange_identity(backup->exchange), who);
	fprintf(stderr, "causeway-control: a backup is sent to %s\n", who);
	/* Without memory the stream is reset: on_close comes then, or has come. */
	if (!h2_exchange_begin(backup->exchange, 200, "application/vnd.sqlite3"))
		loop_timer_set(backup->api->loop, &backup->timer, backup->moved_ns);
}

static void set_running(struct api_call *call)
{
	problem_set(&call->problem, 503, "backup-running",
		    "another backup is under way: try again when it is done");
}

static void begin(struct api_call *call)
{
	struct api *api = call->api;
	struct api_backup *backup = calloc(1, sizeof(*backup));

	if (!backup) {
		problem_set(&call->problem, 503, "out-of-memory", "try again");
		return;
	}
	backup->api = api;
	backup->exchange = call->exchange;
	backup->fd = -1;
	backup->timer = (struct loop_timer){.on_expire = on_timer, .arg = backup};
	backup->snapshot = store_snapshot_begin(api->store, on_copied, backup);
	if (!backup->snapshot) {
		/* Of one whose client went away the copy is still made. */
		if (errno == EBUSY)
			set_running(call);
		else
			problem_set(&call->problem, 503, "backup-failed",
				    "a backup cannot be begun: %s", strerror(errno));
		free(backup);
		return;
	}
	api->backup = backup;
	h2_exchange_set_on_close(call->exchange, on_close, backup);
}

void api_backup(struct api_call *call)
{
	if (!strcmp(h2_exchange_method(call->exchange), "HEAD"))
		h2_exchange_begin(call->exchange, 200, "application/vnd.sqlite3");
	else if (call->api->backup)
		set_running(call);
	else
		begin(call);
}

void api_backup_stop(struct api *api)
{
	if (api->backup)
		give_up(api->backup);
}

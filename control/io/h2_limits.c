#include "control/io/h2_server_internal.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

/*
 * Budgets of a connection, and what comes back of them at each check. An honest client cancels a
 * few requests in a second and acknowledges with WINDOW_UPDATE what it was sent, which is free.
 */
#define RESETS_MAX   H2_STREAMS_MAX
#define RESETS_DECAY 20
#define WASTE_MAX    1000
#define WASTE_DECAY  200
/* Frames that wait to be sent, DATA apart: beyond it the client is not read. */
#define UNSENT_MAX 512

#define END_NS		NS_PER_S
#define HEADER_BLOCK_NS (6 * NS_PER_S)
#define SLOW_REQUEST_NS (60 * NS_PER_S)
#define STUCK_BODY_NS	(20 * NS_PER_S)
#define STUCK_ANSWER_NS (60 * NS_PER_S)
#define AGE_MS_MAX	10000

/*
 * What a connection holds counts by its square, so that many small ones, the watchers, outlive a
 * few large ones; and the longer nothing moved the more, so that a fast reader of a large answer
 * outlives those that only hold.
 */
static uint64_t burden(const struct h2_conn *conn, uint64_t now_ns)
{
	uint64_t age_ms = now_ns > conn->moved_ns ? (now_ns - conn->moved_ns) / NS_PER_MS : 0;
	uint64_t held_kib = conn->held_bytes >> 10;

	return held_kib * held_kib * ((age_ms < AGE_MS_MAX ? age_ms : AGE_MS_MAX) + 1);
}

static struct h2_conn *heaviest(const struct h2_server *server)
{
	uint64_t now_ns = loop_now_ns(server->loop);
	struct h2_conn *worst = NULL;
	uint64_t most = 0;

	for (struct h2_conn *conn = server->conns; conn; conn = conn->next) {
		uint64_t weight = conn->is_evicted ? 0 : burden(conn, now_ns);

		if (weight <= most)
			continue;
		most = weight;
		worst = conn;
	}
	return worst;
}

/* Closing has to wait for the loop: nghttp2 or the API may be at work on this connection. */
static void evict(struct h2_conn *conn)
{
	conn->is_evicted = true;
	conn->server->held_bytes -= conn->held_bytes;
	conn->server->counters.conns_evicted++;
	h2_conn_doom(conn);
}

void h2_limits_hold(struct h2_conn *conn, size_t bytes)
{
	struct h2_server *server = conn->server;
	struct h2_conn *victim;

	conn->held_bytes += bytes;
	if (conn->is_evicted)
		return;
	server->held_bytes += bytes;
	while (server->held_bytes > H2_HELD_MAX) {
		victim = heaviest(server);
		if (!victim)
			return;
		evict(victim);
	}
}

void h2_limits_release(struct h2_conn *conn, size_t bytes)
{
	conn->held_bytes -= bytes;
	if (!conn->is_evicted)
		conn->server->held_bytes -= bytes;
}

void h2_limits_end(struct h2_conn *conn)
{
	if (conn->is_ending || conn->is_doomed)
		return;
	conn->is_ending = true;
	conn->server->counters.conns_ended++;
	/* It may take none of our bytes: then it goes without having heard the reason. */
	loop_timer_set(conn->server->loop, &conn->timer, loop_now_ns(conn->server->loop) + END_NS);
	if (nghttp2_session_terminate_session(conn->session, NGHTTP2_ENHANCE_YOUR_CALM))
		h2_conn_doom(conn);
}

/* PING, SETTINGS, PRIORITY floods and the like (CVE-2019-9512, 9513, 9515, 9517, 9518). */
void h2_limits_waste(struct h2_conn *conn)
{
	if (conn->waste++ >= WASTE_MAX)
		h2_limits_end(conn);
}

/* Rapid reset (CVE-2023-44487), and resets that a client makes us send (CVE-2025-8671). */
void h2_limits_reset(struct h2_conn *conn)
{
	if (conn->resets++ >= RESETS_MAX)
		h2_limits_end(conn);
}

bool h2_limits_is_choked(const struct h2_conn *conn)
{
	if (conn->phase != H2_CONN_OPEN)
		return false;
	return conn->is_ending ||
	       nghttp2_session_get_outbound_queue_size(conn->session) > UNSENT_MAX;
}

/* Half a request, or a whole response that the client's window lets out in drops at best. */
static bool is_stuck(const struct h2_exchange *ex, uint64_t now_ns)
{
	if (!ex->is_complete)
		return now_ns - ex->begun_ns > SLOW_REQUEST_NS ||
		       now_ns - ex->moved_ns > STUCK_BODY_NS;
	return ex->is_ended && ex->out_len && now_ns - ex->moved_ns > STUCK_ANSWER_NS;
}

void h2_limits_check(struct h2_conn *conn, uint64_t now_ns)
{
	conn->resets -= conn->resets < RESETS_DECAY ? conn->resets : RESETS_DECAY;
	conn->waste -= conn->waste < WASTE_DECAY ? conn->waste : WASTE_DECAY;
	/* Until a header block is whole, nothing else can come. */
	if (conn->block_ns && now_ns - conn->block_ns > HEADER_BLOCK_NS)
		h2_limits_end(conn);
	for (struct h2_exchange *ex = conn->exchanges; ex; ex = ex->next) {
		if (!is_stuck(ex, now_ns) || ex->is_stuck)
			continue;
		ex->is_stuck = true;
		conn->server->counters.streams_stuck++;
		nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, ex->stream_id,
					  NGHTTP2_CANCEL);
	}
}

/* Smaller is closed first: no request ever, then idle, then with parts of requests only. */
static uint64_t usefulness(const struct h2_conn *conn)
{
	if (!conn->has_request)
		return 0;
	return conn->exchanges ? 2 : 1;
}

bool h2_limits_make_room(struct h2_server *server)
{
	struct h2_conn *victim = NULL;

	for (struct h2_conn *conn = server->conns; conn; conn = conn->next) {
		if (conn->answering)
			continue;
		if (!victim || usefulness(conn) < usefulness(victim) ||
		    (usefulness(conn) == usefulness(victim) && conn->active_ns < victim->active_ns))
			victim = conn;
	}
	if (!victim)
		return false;
	server->counters.conns_evicted++;
	h2_conn_close(victim);
	return true;
}

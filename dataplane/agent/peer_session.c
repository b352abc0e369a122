/* One TLS 1.3 session: OpenSSL works on memory, the loop moves the bytes. */
#include "dataplane/agent/peer_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

/* More than this unsent: the far end has stopped reading. */
#define UNSENT_BYTES_MAX (4u << 20)

static void session_free(struct session *session)
{
	struct loop *loop = session->peers->options.loop;

	loop_cancel(loop, &session->connect_op);
	loop_cancel(loop, &session->receive_op);
	loop_cancel(loop, &session->send_op);
	close(session->fd);
	SSL_free(session->ssl);
	line_buffer_free(&session->lines);
	if (session->prev)
		session->prev->next = session->next;
	else
		session->peers->sessions = session->next;
	if (session->next)
		session->next->prev = session->prev;
	/* Other gateways' names and what they said; no secret of ours, but nobody's business. */
	OPENSSL_cleanse(session->receive_bytes, sizeof(session->receive_bytes));
	free(session);
}

/* An alert or a goodbye, where the socket takes it at once. */
static void session_farewell(struct session *session)
{
	int len;

	if (session->is_secured)
		SSL_shutdown(session->ssl);
	ERR_clear_error();
	if (loop_op_is_pending(&session->send_op) || loop_op_is_pending(&session->connect_op))
		return;
	len = BIO_read(session->out, session->send_bytes, sizeof(session->send_bytes));
	if (len > 0)
		(void)!send(session->fd, session->send_bytes, (size_t)len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
}

void session_end(struct session *session, const char *why)
{
	session_farewell(session);
	peer_on_ended(session, session->refusal[0] ? session->refusal : why);
	session_free(session);
}

static void session_flush(struct session *session);

static void on_sent(struct loop_op *op, int result, void *arg)
{
	struct session *session = arg;

	(void)op;
	if (result < 0) {
		session_end(session, strerror(-result));
		return;
	}
	session->sent += (uint32_t)result;
	session_flush(session);
	if (session->is_broken)
		session_end(session, "broken");
}

/* Sends what OpenSSL has written, one piece at a time. */
static void session_flush(struct session *session)
{
	int len;

	if (loop_op_is_pending(&session->send_op))
		return;
	if (session->sent == session->sending) {
		len = BIO_read(session->out, session->send_bytes, sizeof(session->send_bytes));
		if (len <= 0)
			return;
		session->sent = 0;
		session->sending = (uint32_t)len;
	}
	session->send_op.on_done = on_sent;
	session->send_op.arg = session;
	session->is_broken |= loop_send(session->peers->options.loop, &session->send_op,
					session->fd, session->send_bytes + session->sent,
					session->sending - session->sent) != 0;
}

static void why_tls(int error, char *why)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	if (error == SSL_ERROR_ZERO_RETURN)
		reason = "it said goodbye";
	else if (ERR_GET_REASON(code) == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE)
		reason = "it refuses our certificate: control may not have told it yet, or it "
			 "trusts another authority";
	snprintf(why, PEER_ERROR_BYTES, "%s%s", reason ? "" : "TLS: ", reason ? reason : "broken");
	ERR_clear_error();
}

/* 0; -EAGAIN: more bytes are needed; -EPROTO with a reason. */
static int handshake(struct session *session, char *why)
{
	int ret, error;

	ERR_clear_error();
	ret = SSL_do_handshake(session->ssl);
	if (ret == 1) {
		session->is_secured = true;
		session->heard_ns = loop_now_ns(session->peers->options.loop);
		peer_on_secured(session);
		return 0;
	}
	error = SSL_get_error(session->ssl, ret);
	if (error == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	why_tls(error, why);
	return -EPROTO;
}

static int lines_take(struct session *session, const uint8_t *data, size_t len, char *why)
{
	const char *line;
	size_t line_len;
	int ret = line_buffer_push(&session->lines, data, len);

	if (ret)
		snprintf(why, PEER_ERROR_BYTES, "sent a line of more than %d bytes",
			 PEER_LINE_BYTES_MAX);
	while (!ret && !session->is_broken && line_buffer_next(&session->lines, &line, &line_len))
		ret = peer_on_line(session, line, line_len, why);
	return ret;
}

/* Whatever can be read of what has come. 0 or -EPROTO with a reason. */
static int session_read(struct session *session, char *why)
{
	uint8_t plain[SESSION_IO_BYTES];
	int ret, error;

	for (;;) {
		ERR_clear_error();
		ret = SSL_read(session->ssl, plain, sizeof(plain));
		if (ret <= 0)
			break;
		session->heard_ns = loop_now_ns(session->peers->options.loop);
		ret = lines_take(session, plain, (size_t)ret, why);
		if (ret)
			return ret;
	}
	error = SSL_get_error(session->ssl, ret);
	if (error == SSL_ERROR_WANT_READ)
		return 0;
	why_tls(error, why);
	return -EPROTO;
}

/* Lets OpenSSL work on what is there; false: the session has ended. */
static bool session_work(struct session *session)
{
	char why[PEER_ERROR_BYTES] = "";
	int ret = session->is_secured ? 0 : handshake(session, why);

	if (!ret)
		ret = session_read(session, why);
	if (ret && ret != -EAGAIN) {
		session_end(session, why);
		return false;
	}
	session_flush(session);
	if (!session->is_broken)
		return true;
	session_end(session, "broken");
	return false;
}

static void session_receive(struct session *session);

static void on_received(struct loop_op *op, int result, void *arg)
{
	struct session *session = arg;

	(void)op;
	if (result <= 0) {
		session_end(session, result ? strerror(-result) : "it closed the connection");
		return;
	}
	if (BIO_write(session->in, session->receive_bytes, result) != result) {
		session_end(session, "out of memory");
		return;
	}
	if (session_work(session))
		session_receive(session);
}

static void session_receive(struct session *session)
{
	session->receive_op.on_done = on_received;
	session->receive_op.arg = session;
	if (loop_recv(session->peers->options.loop, &session->receive_op, session->fd,
		      session->receive_bytes, sizeof(session->receive_bytes)))
		session_end(session, "the loop takes nothing more");
}

void session_begin(struct session *session)
{
	if (session_work(session))
		session_receive(session);
}

static void on_connected(struct loop_op *op, int result, void *arg)
{
	struct session *session = arg;

	(void)op;
	if (result < 0)
		session_end(session, strerror(-result));
	else
		session_begin(session);
}

int session_connect(struct session *session, const struct sockaddr *to, socklen_t len)
{
	session->connect_op.on_done = on_connected;
	session->connect_op.arg = session;
	return loop_connect(session->peers->options.loop, &session->connect_op, session->fd, to,
			    len);
}

static bool session_init(struct session *session)
{
	peers_tls_renew(session->peers);
	session->ssl = SSL_new(session->peers->tls);
	session->in = BIO_new(BIO_s_mem());
	session->out = BIO_new(BIO_s_mem());
	if (!session->ssl || !session->in || !session->out) {
		BIO_free(session->in);
		BIO_free(session->out);
		return false;
	}
	SSL_set_bio(session->ssl, session->in, session->out);
	SSL_set_app_data(session->ssl, session);
	if (session->is_client)
		SSL_set_connect_state(session->ssl);
	else
		SSL_set_accept_state(session->ssl);
	return true;
}

struct session *session_open(struct peers *peers, struct peer *peer, int fd)
{
	struct session *session = calloc(1, sizeof(*session));
	int on = 1;

	if (!session) {
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	session->peers = peers;
	session->peer = peer;
	session->is_client = peer != NULL;
	session->fd = fd;
	session->started_ns = loop_now_ns(peers->options.loop);
	line_buffer_init(&session->lines, PEER_LINE_BYTES_MAX);
	session->next = peers->sessions;
	if (session->next)
		session->next->prev = session;
	peers->sessions = session;
	if (session_init(session))
		return session;
	session_free(session);
	return NULL;
}

void session_send(struct session *session, const struct peer_message *message)
{
	char *line = peer_message_write(message);
	int len = line ? (int)strlen(line) : 0;

	if (!len || session->is_broken || SSL_write(session->ssl, line, len) != len ||
	    BIO_ctrl_pending(session->out) > UNSENT_BYTES_MAX)
		session->is_broken = true;
	free(line);
	session_flush(session);
}

void session_beat(struct session *session, uint64_t now_ns)
{
	static const struct peer_message alive = {.type = PEER_ALIVE};
	uint64_t patience_ns = PEER_SILENCE_BEATS * session->peers->options.heartbeat_ns;

	if (session->is_broken)
		session_end(session, "broken");
	else if (!session->is_greeted && now_ns - session->started_ns > patience_ns)
		session_end(session, "gave no answer in time");
	else if (session->is_greeted && now_ns - session->heard_ns > patience_ns)
		session_end(session, "is silent");
	else if (session->is_greeted)
		session_send(session, &alive);
}

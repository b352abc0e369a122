/* The client's TLS: between nghttp2's bytes and the socket's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/io/h2_client_internal.h"
#include "control/io/tls_revocation.h"

#define PLAIN_BYTES 16384

static int text_set(char **to, const char *text)
{
	char *copy = strdup(text ? text : "");

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

int h2_client_set_tls(struct h2_client *client, const struct tls_files *files)
{
	if (text_set(&client->tls_ca, files->ca) || text_set(&client->tls_cert, files->cert) ||
	    text_set(&client->tls_key, files->key) || text_set(&client->tls_crl, files->crl))
		return -ENOMEM;
	return 0;
}

const char *h2_client_why(const struct h2_client *client)
{
	return client->why;
}

/* The files are read each time: they are renewed while the client lives. */
static SSL_CTX *context_read(struct h2_client *client)
{
	const struct tls_files files = {client->tls_ca, client->tls_cert, client->tls_key,
					client->tls_crl};

	return tls_context_client(&files, client->why, sizeof(client->why));
}

void h2_client_check_crl(struct h2_client *client)
{
	SSL_CTX *tls;

	if (!client->tls || !client->tls_crl || !client->tls_crl[0] ||
	    !tls_revocation_is_new(client->tls_crl, &client->crl))
		return;
	/* NULL: the new list does not hold, so that what was read before does. */
	tls = context_read(client);
	if (tls && tls_stream_is_revoked(client->tls, tls))
		h2_client_reset(client);
	SSL_CTX_free(tls);
}

int h2_client_tls_begin(struct h2_client *client)
{
	SSL_CTX *tls;

	client->why[0] = 0;
	if (!client->url.is_tls)
		return 0;
	if (client->tls_crl)
		(void)tls_revocation_is_new(client->tls_crl, &client->crl);
	tls = context_read(client);
	if (!tls)
		return -EKEYREJECTED;
	client->tls = tls_stream_create(tls, client->url.host);
	SSL_CTX_free(tls);
	return client->tls ? 0 : -ENOMEM;
}

void h2_client_tls_end(struct h2_client *client)
{
	uint8_t data[1024];
	size_t len;

	if (!client->tls)
		return;
	/* A goodbye or an alert, where the socket takes it at once and nothing is half sent. */
	if (client->fd >= 0 && client->tx_sent == client->tx_len) {
		tls_stream_shut(client->tls);
		len = tls_stream_get(client->tls, data, sizeof(data));
		if (len)
			(void)!send(client->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	tls_stream_free(client->tls);
	client->tls = NULL;
}

void h2_client_tls_free(struct h2_client *client)
{
	free(client->tls_ca);
	free(client->tls_cert);
	free(client->tls_key);
	free(client->tls_crl);
}

static int failed(struct h2_client *client)
{
	snprintf(client->why, sizeof(client->why), "%s", tls_stream_error(client->tls));
	return -EKEYREJECTED;
}

int h2_client_tls_seal(struct h2_client *client)
{
	size_t unsent;
	uint8_t *tx;

	if (tls_stream_write(client->tls, client->tx, client->tx_len))
		return failed(client);
	client->tx_len = 0;
	unsent = tls_stream_unsent(client->tls);
	if (unsent > client->tx_capacity) {
		tx = realloc(client->tx, unsent);
		if (!tx)
			return -ENOMEM;
		client->tx = tx;
		client->tx_capacity = unsent;
	}
	client->tx_len = tls_stream_get(client->tls, client->tx, unsent);
	return 0;
}

int h2_client_tls_input(struct h2_client *client, const uint8_t *data, size_t len)
{
	uint8_t plain[PLAIN_BYTES];
	int got = tls_stream_put(client->tls, data, len);

	while (!got) {
		got = tls_stream_read(client->tls, plain, sizeof(plain));
		if (got <= 0)
			break;
		if (nghttp2_session_mem_recv(client->session, plain, (size_t)got) < 0)
			return -EPROTO;
		/* A callback may have ended it all. */
		if (client->destroyed)
			return 0;
		got = 0;
	}
	return got == -EPROTO ? failed(client) : got;
}

/*
 * A far gateway that may say anything: its lines, one after the other, to the reader and to both
 * halves of a path's exchange.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/peer_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct key_exchange *kx, const struct key_action actions[], int count)
{
	bool is_derived = false;

	if (count < 0)
		return;
	if (count > KEY_EXCHANGE_ACTIONS_MAX)
		abort();
	for (int i = 0; i < count; i++) {
		is_derived |= actions[i].type == KEY_DERIVE;
		if (actions[i].type == KEY_INSTALL && actions[i].rx && !is_derived)
			abort();
	}
	if (kx->has_tx && !kx->has_rx)
		abort();
}

static void line_take(struct key_exchange ends[2], const char *text, size_t len)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	char error[PEER_MESSAGE_ERROR_BYTES];
	struct peer_message message, back;
	char *written;

	if (peer_message_parse(text, len, &message, error))
		return;
	written = peer_message_write(&message);
	if (!written || peer_message_parse(written, strlen(written) - 1, &back, error))
		abort();
	if (back.id != message.id || back.key.counter != message.key.counter)
		abort();
	free(written);
	for (int i = 0; i < 2 && message.type == PEER_KEY; i++)
		check(&ends[i], actions, key_exchange_on_message(&ends[i], &message.key, actions));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_action actions[KEY_EXCHANGE_ACTIONS_MAX];
	const char *text = (const char *)data, *end = text + size;
	struct key_exchange ends[2];

	for (int i = 0; i < 2; i++) {
		/* Incarnations that the seed names. */
		key_exchange_init(&ends[i], i == 0, i ? 0xbb : 0xaa);
		key_exchange_on_session(&ends[i], actions);
	}
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		stop = stop ? stop : end;
		line_take(ends, text, (size_t)(stop - text));
		text = stop + 1;
	}
	return 0;
}

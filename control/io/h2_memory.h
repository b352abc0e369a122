/*
 * Memory of connections, of which an idle one touches little: its own buffers, and in its nghttp2
 * session one for a frame of full size. From the heap they would get pages that a TLS handshake has
 * just touched and given back, and hold those for ever. Here they get fresh ones, and give them
 * back when the connection goes.
 *
 * One server's, on its thread. Blocks come from two reserved ranges while they last, all else is
 * the heap's.
 */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdint.h>

struct h2_range {
	uint8_t *base; /* NULL: none, and the heap has it all */
	uint32_t count, block_bytes;
	uint32_t fresh; /* blocks from this one on were never in use */
	void *free;	/* blocks that came back, each with the next one's address */
};

struct h2_memory {
	nghttp2_mem mem; /* for nghttp2_session_server_new3 */
	struct h2_range frames, conns;
};

/* For so many connections of conn_bytes each. It must stay where it is. */
void h2_memory_init(struct h2_memory *memory, uint32_t count, size_t conn_bytes);
/* When nothing of it is in use any more. */
void h2_memory_free(struct h2_memory *memory);
/* conn_bytes, not zeroed; NULL without memory. */
void *h2_memory_take_conn(struct h2_memory *memory, size_t conn_bytes);
void h2_memory_give_conn(struct h2_memory *memory, void *conn);

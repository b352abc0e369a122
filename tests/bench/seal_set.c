#include "tests/bench/seal_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <emmintrin.h>
#include <intel-ipsec-mb.h>

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

/* Where a gateway's TX buffer has its ciphertext: Ethernet, IPv4, UDP, clear header. */
#define TX_OFFSET    (14 + 20 + 8 + SEAL_AAD_BYTES)
#define COUNT_MIN    SEAL_SLICE
#define SHUFFLE_SEED 88172645463325252ull

/* The library as it is, for RAW; the key is the set's. */
static IMB_MGR *mgr;

/*
 * rte_pktmbuf_pool_create, but without physically contiguous objects: no device uses them, and
 * where pages are small they would start on a page each, so that much of the set is never touched.
 */
static struct rte_mempool *pool_make(uint32_t count, uint32_t data_bytes)
{
	static uint32_t serial;
	uint16_t room = (uint16_t)(RTE_PKTMBUF_HEADROOM + data_bytes);
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = room};
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "seal%u", serial++);
	pool = rte_mempool_create_empty(name, count, sizeof(struct rte_mbuf) + room, 0,
					sizeof(private), SOCKET_ID_ANY,
					RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (!pool)
		return NULL;
	rte_mempool_set_ops_byname(pool, RTE_MBUF_DEFAULT_MEMPOOL_OPS, NULL);
	rte_pktmbuf_pool_init(pool, &private);
	if (rte_mempool_populate_default(pool) < 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

/* An object with what the pool puts around it. */
static uint32_t object_bytes(uint32_t data_bytes)
{
	struct rte_mempool_objsz size;

	return rte_mempool_calc_obj_size(
		(uint32_t)sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM + data_bytes, 0, &size);
}

/* xorshift64: the same order each time. */
static void shuffle(struct rte_mbuf **mbufs, uint32_t count)
{
	uint64_t state = SHUFFLE_SEED;

	for (uint32_t i = count - 1; i > 0; i--) {
		struct rte_mbuf *mbuf = mbufs[i];
		uint32_t other;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		other = (uint32_t)(state % (i + 1));
		mbufs[i] = mbufs[other];
		mbufs[other] = mbuf;
	}
}

static int pools_fill(struct seal_set *set, bool is_shuffled)
{
	if (rte_pktmbuf_alloc_bulk(set->pool, set->mbufs, set->count) ||
	    rte_pktmbuf_alloc_bulk(set->tx_pool, set->tx, SEAL_TX_BUFFERS))
		return -ENOMEM;
	for (uint32_t i = 0; i < set->count; i++)
		memset(rte_pktmbuf_append(set->mbufs[i], (uint16_t)set->frame_bytes), (int)i,
		       set->frame_bytes);
	for (uint32_t i = 0; i < SEAL_TX_BUFFERS; i++)
		memset(rte_pktmbuf_mtod(set->tx[i], void *), 0, TX_OFFSET + set->frame_bytes);
	if (is_shuffled)
		shuffle(set->mbufs, set->count);
	return 0;
}

int seal_set_make(struct seal_set *set, uint32_t frame_bytes, uint64_t bytes, bool is_shuffled)
{
	static const uint8_t secret[AEAD_KEY_BYTES] = {1}, iv[AEAD_IV_BYTES] = {2};
	uint32_t data_bytes = frame_bytes + AEAD_TAG_BYTES;
	uint64_t count = bytes / object_bytes(data_bytes) / SEAL_SLICE * SEAL_SLICE;
	int error;

	*set = (struct seal_set){.frame_bytes = frame_bytes,
				 .count = (uint32_t)RTE_MAX(count, (uint64_t)COUNT_MIN)};
	error = aead_key_init(&set->key, secret, iv);
	if (error)
		return error;
	if (!mgr) {
		mgr = alloc_mb_mgr(0);
		if (!mgr)
			return -ENOMEM;
		init_mb_mgr_auto(mgr, NULL);
	}
	set->mbufs = calloc(set->count, sizeof(set->mbufs[0]));
	set->pool = pool_make(set->count, data_bytes);
	set->tx_pool = pool_make(SEAL_TX_BUFFERS, data_bytes + TX_OFFSET);
	if (set->mbufs && set->pool && set->tx_pool)
		error = pools_fill(set, is_shuffled);
	else
		error = -ENOMEM;
	if (error)
		seal_set_free(set);
	return error;
}

void seal_set_free(struct seal_set *set)
{
	rte_mempool_free(set->pool);
	rte_mempool_free(set->tx_pool);
	free(set->mbufs);
	aead_key_erase(&set->key);
}

/* As the worker does before it seals. */
static void aad_write(uint8_t *aad, uint64_t packet_number)
{
	static const uint8_t header[SEAL_AAD_BYTES] = {1};
	uint64_t number = rte_cpu_to_be_64(packet_number);

	memcpy(aad, header, sizeof(header));
	memcpy(aad + 12, &number, sizeof(number));
}

static void raw_seal(const struct seal_set *set, uint8_t *dst, const uint8_t *src,
		     const uint8_t *aad, uint64_t number)
{
	const struct gcm_key_data *key = (const struct gcm_key_data *)set->key.expanded;
	struct gcm_context_data context;
	__m128i nonce = _mm_slli_si128(_mm_cvtsi64_si128((long long)__builtin_bswap64(number)), 4);

	nonce = _mm_xor_si128(nonce, _mm_load_si128((const __m128i *)set->key.iv));
	IMB_AES256_GCM_ENC(mgr, key, &context, dst, src, set->frame_bytes, (const uint8_t *)&nonce,
			   aad, SEAL_AAD_BYTES, dst + set->frame_bytes, AEAD_TAG_BYTES);
}

static void seal(const struct seal_set *set, uint8_t *dst, const uint8_t *src, const uint8_t *aad,
		 uint64_t number)
{
	struct aead_piece piece = {src, set->frame_bytes};

	aead_gcm.seal(&set->key, dst, &piece, 1, aad, SEAL_AAD_BYTES, number);
}

static void seal_pieces(const struct seal_set *set, uint8_t *dst, const uint8_t *src,
			const uint8_t *aad, uint64_t number)
{
	struct aead_piece pieces[2] = {{src, SEAL_HEAD_BYTES},
				       {src + SEAL_HEAD_BYTES, set->frame_bytes - SEAL_HEAD_BYTES}};

	aead_gcm.seal(&set->key, dst, pieces, 2, aad, SEAL_AAD_BYTES, number);
}

/*
 * One packet. `measure` is a constant where this is inlined, so that a loop holds one case only.
 * The clear header of what is done in place lies in the mbuf's headroom.
 */
static inline __attribute__((always_inline)) void
one(struct seal_set *set, enum seal_measure measure, uint32_t index, uint64_t number)
{
	uint8_t *src = rte_pktmbuf_mtod(set->mbufs[index], uint8_t *);
	uint8_t *dst =
		rte_pktmbuf_mtod_offset(set->tx[index % SEAL_TX_BUFFERS], uint8_t *, TX_OFFSET);
	bool is_in_place = measure == SEAL_MEASURE_RAW_IN_PLACE || measure == SEAL_MEASURE_OPEN ||
			   measure == SEAL_MEASURE_OPEN_AHEAD;
	uint8_t *aad = (is_in_place ? src : dst) - SEAL_AAD_BYTES;

	if (measure == SEAL_MEASURE_COPY) {
		memcpy(dst, src, set->frame_bytes);
		return;
	}
	aad_write(aad, number);
	if (measure == SEAL_MEASURE_RAW || measure == SEAL_MEASURE_RAW_AHEAD)
		raw_seal(set, dst, src, aad, number);
	else if (measure == SEAL_MEASURE_RAW_IN_PLACE)
		raw_seal(set, src, src, aad, number);
	else if (measure == SEAL_MEASURE_SEAL || measure == SEAL_MEASURE_SEAL_AHEAD)
		seal(set, dst, src, aad, number);
	else if (measure == SEAL_MEASURE_SEAL_PIECES)
		seal_pieces(set, dst, src, aad, number);
	else
		set->failures += !aead_gcm.open(&set->key, src, set->frame_bytes + AEAD_TAG_BYTES,
						aad, SEAL_AAD_BYTES, number);
}

/* What a worker can fetch while it seals the i-th of a burst: of the same burst, what is to come.
 */
static inline void ahead(struct rte_mbuf *const *burst, uint32_t i)
{
	if (i + 2 * AEAD_PREFETCH_AHEAD < SEAL_BURST)
		rte_prefetch0(burst[i + 2 * AEAD_PREFETCH_AHEAD]);
	if (i + AEAD_PREFETCH_AHEAD < SEAL_BURST)
		aead_prefetch(rte_pktmbuf_mtod(burst[i + AEAD_PREFETCH_AHEAD], void *));
}

static inline __attribute__((always_inline)) void walk(struct seal_set *set,
						       enum seal_measure measure, uint64_t *ticks)
{
	bool is_ahead = measure == SEAL_MEASURE_RAW_AHEAD || measure == SEAL_MEASURE_SEAL_AHEAD ||
			measure == SEAL_MEASURE_OPEN_AHEAD;

	for (uint32_t slice = 0; slice < seal_set_slices(set); slice++) {
		uint64_t from = rte_rdtsc_precise();

		for (uint32_t i = 0; i < SEAL_SLICE; i++) {
			uint32_t index = slice * SEAL_SLICE + i;

			if (is_ahead)
				ahead(&set->mbufs[index / SEAL_BURST * SEAL_BURST], i % SEAL_BURST);
			one(set, measure, index, set->packet_number + index);
		}
		ticks[slice] = rte_rdtsc_precise() - from;
	}
}

/* Seals the set in place, under the numbers that OPEN_AHEAD opens it with; not timed. */
static void reseal(struct seal_set *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		one(set, SEAL_MEASURE_RAW_IN_PLACE, i, set->packet_number + i);
}

void seal_set_measure(struct seal_set *set, uint64_t *ticks[SEAL_MEASURE_COUNT])
{
	walk(set, SEAL_MEASURE_RAW, ticks[SEAL_MEASURE_RAW]);
	walk(set, SEAL_MEASURE_RAW_AHEAD, ticks[SEAL_MEASURE_RAW_AHEAD]);
	walk(set, SEAL_MEASURE_SEAL, ticks[SEAL_MEASURE_SEAL]);
	walk(set, SEAL_MEASURE_SEAL_AHEAD, ticks[SEAL_MEASURE_SEAL_AHEAD]);
	walk(set, SEAL_MEASURE_SEAL_PIECES, ticks[SEAL_MEASURE_SEAL_PIECES]);
	walk(set, SEAL_MEASURE_RAW_IN_PLACE, ticks[SEAL_MEASURE_RAW_IN_PLACE]);
	walk(set, SEAL_MEASURE_OPEN, ticks[SEAL_MEASURE_OPEN]);
	reseal(set);
	walk(set, SEAL_MEASURE_OPEN_AHEAD, ticks[SEAL_MEASURE_OPEN_AHEAD]);
	walk(set, SEAL_MEASURE_COPY, ticks[SEAL_MEASURE_COPY]);
	set->packet_number += set->count;
}

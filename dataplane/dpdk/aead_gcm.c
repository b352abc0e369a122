/*
 * AES-256-GCM by Intel's multi-buffer library (libipsec-mb), by its direct calls: one packet at a
 * time on the caller's core. For this cipher the library is as wide as the CPU inside one packet,
 * and has nothing to gain from several: by its jobs each packet takes 7 ns more.
 *
 * What was tried, in ns per packet on a Xeon with VAES-512 (tests/bench/bench_seal.c measures what
 * is here; 4 MiB of packets, then 1 GiB):
 *
 * - The nonce written as 4 and 8 bytes instead of one vector: 136 instead of 120 at 1,420 B. The
 *   library reads 16 bytes, which then waits until both stores have left the store buffer. Nonces
 *   made 32 ahead: 125.
 * - A header written for 32 packets ahead, or elsewhere: within 2. Ciphertext that starts on a
 *   cache line: 3 less; sources that do: nothing.
 * - Two pieces (16 + 1,404 B) by init, update, update, finalize: 135 instead of 118, no difference
 *   where the packets come from memory. Copied together and then sealed in place, a quarter to a
 *   half more than that. But each update costs 20 to 25, so many small pieces are better copied:
 *   16 x (16 + 64 B) take 149 instead of 362.
 * - Prefetch: see aead_prefetch in aead.h. Non-temporal prefetch: always slower (163 and 245).
 * - Each call stores to one word of the library that all threads share (its error number). Two
 *   workers on two cores lose 1 to 3 by that; many may lose more.
 */
#include "dataplane/dpdk/aead.h"

#include <emmintrin.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <intel-ipsec-mb.h>

_Static_assert(sizeof(struct gcm_key_data) <= AEAD_EXPANDED_BYTES, "adapt AEAD_EXPANDED_BYTES");
_Static_assert(_Alignof(struct gcm_key_data) <= _Alignof(struct aead_key), "adapt the alignment");
_Static_assert(AEAD_IV_BYTES == IMB_GCM_IV_DATA_LEN, "the library takes no length");
_Static_assert(AEAD_KEY_BYTES == IMB_GCM_256_KEY_LEN, "of AES-256");

/* Pieces of fewer bytes than this on average are copied together; see above. */
#define GATHER_PIECE_BYTES 384
#define NONCE_BYTES	   16 /* what the library reads of its 12 */

/* The library's manager, one per process. The direct GCM calls only read it, from any thread. */
static IMB_MGR *mgr;
static int mgr_error;
static pthread_once_t mgr_once = PTHREAD_ONCE_INIT;

static void mgr_make(void)
{
	const uint64_t tested = IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS;
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *made = alloc_mb_mgr(0);

	mgr_error = -ENOMEM;
	if (!made)
		return;
	mgr_error = -ENOTSUP;
	init_mb_mgr_auto(made, &arch);
	/* Without AES instructions the library works by tables, so its time tells of the key. */
	if (arch < IMB_ARCH_SSE || (made->features & tested) != tested) {
		free_mb_mgr(made);
		return;
	}
	mgr = made;
	mgr_error = 0;
}

static const struct gcm_key_data *expanded(const struct aead_key *key)
{
	return (const struct gcm_key_data *)key->expanded;
}

int aead_key_init(struct aead_key *key, const uint8_t secret[AEAD_KEY_BYTES],
		  const uint8_t iv[AEAD_IV_BYTES])
{
	pthread_once(&mgr_once, mgr_make);
	if (mgr_error)
		return mgr_error;
	memset(key->iv, 0, sizeof(key->iv));
	memcpy(key->iv, iv, AEAD_IV_BYTES);
	IMB_AES256_GCM_PRE(mgr, secret, (struct gcm_key_data *)key->expanded);
	return 0;
}

void aead_key_erase(struct aead_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

/* One store of 16 bytes, for the library to read at once: see above. */
static void nonce_make(uint8_t nonce[NONCE_BYTES], const struct aead_key *key,
		       uint64_t packet_number)
{
	__m128i number = _mm_cvtsi64_si128((long long)__builtin_bswap64(packet_number));
	__m128i iv = _mm_load_si128((const __m128i *)key->iv);

	/* To the last 8 bytes of 12. */
	_mm_storeu_si128((__m128i *)nonce, _mm_xor_si128(iv, _mm_slli_si128(number, 4)));
}

static uint32_t seal_one(const struct aead_key *key, uint8_t *dst, const void *src, uint32_t len,
			 const uint8_t *aad, uint32_t aad_len, const uint8_t *nonce)
{
	struct gcm_context_data context;

	IMB_AES256_GCM_ENC(mgr, expanded(key), &context, dst, src, len, nonce, aad, aad_len,
			   dst + len, AEAD_TAG_BYTES);
	return len + AEAD_TAG_BYTES;
}

static void gather(uint8_t *dst, const struct aead_piece pieces[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		memcpy(dst, pieces[i].data, pieces[i].len);
		dst += pieces[i].len;
	}
}

static uint32_t seal_each(const struct aead_key *key, uint8_t *dst,
			  const struct aead_piece pieces[], uint32_t count, const uint8_t *aad,
			  uint32_t aad_len, const uint8_t *nonce)
{
	struct gcm_context_data context;
	uint32_t at = 0;

	IMB_AES256_GCM_INIT(mgr, expanded(key), &context, nonce, aad, aad_len);
	for (uint32_t i = 0; i < count; i++) {
		IMB_AES256_GCM_ENC_UPDATE(mgr, expanded(key), &context, dst + at, pieces[i].data,
					  pieces[i].len);
		at += pieces[i].len;
	}
	IMB_AES256_GCM_ENC_FINALIZE(mgr, expanded(key), &context, dst + at, AEAD_TAG_BYTES);
	return at + AEAD_TAG_BYTES;
}

static uint32_t gcm_seal(const struct aead_key *key, uint8_t *dst, const struct aead_piece pieces[],
			 uint32_t count, const uint8_t *aad, uint32_t aad_len,
			 uint64_t packet_number)
{
	uint8_t nonce[NONCE_BYTES];
	uint32_t len = 0;

	nonce_make(nonce, key, packet_number);
	if (count == 1)
		return seal_one(key, dst, pieces[0].data, pieces[0].len, aad, aad_len, nonce);
	for (uint32_t i = 0; i < count; i++)
		len += pieces[i].len;
	if (len >= count * GATHER_PIECE_BYTES && len)
		return seal_each(key, dst, pieces, count, aad, aad_len, nonce);
	gather(dst, pieces, count);
	return seal_one(key, dst, dst, len, aad, aad_len, nonce);
}

/* In a time that does not tell where the two differ. */
static bool tag_is_equal(const uint8_t a[AEAD_TAG_BYTES], const uint8_t b[AEAD_TAG_BYTES])
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static bool gcm_open(const struct aead_key *key, uint8_t *data, uint32_t len, const uint8_t *aad,
		     uint32_t aad_len, uint64_t packet_number)
{
	struct gcm_context_data context;
	uint8_t nonce[NONCE_BYTES], tag[AEAD_TAG_BYTES];

	if (len < AEAD_TAG_BYTES)
		return false;
	len -= AEAD_TAG_BYTES;
	nonce_make(nonce, key, packet_number);
	IMB_AES256_GCM_DEC(mgr, expanded(key), &context, data, data, len, nonce, aad, aad_len, tag,
			   AEAD_TAG_BYTES);
	return tag_is_equal(tag, data + len);
}

const struct aead aead_gcm = {.name = "aes-256-gcm", .seal = gcm_seal, .open = gcm_open};

/* AES-256-GCM against OpenSSL's: every alignment, every cut, every way to be wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "dataplane/dpdk/aead.h"

#define ROOM   16384
#define MARGIN 128 /* on both sides of what is written: must stay as it was */
#define CANARY 0xa5
#define AAD    28

static const uint8_t secret[AEAD_KEY_BYTES] = {1, 2, 3, 250};
static const uint8_t iv[AEAD_IV_BYTES] = {0xf0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff};
static uint8_t plain[ROOM], aad[AAD], out[ROOM + 2 * MARGIN + 64], want[ROOM], copies[ROOM * 2];
static struct aead_key key;
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % limit;
}

static int setup(void **state)
{
	const char *given = getenv("CAUSEWAY_SEED");

	(void)state;
	random_state = (given ? strtoull(given, NULL, 0) : 1) * 2654435761u | 1;
	for (uint32_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)random_below(256);
	for (uint32_t i = 0; i < sizeof(aad); i++)
		aad[i] = (uint8_t)random_below(256);
	/* 77: the convention for a test that cannot run here. */
	if (aead_key_init(&key, secret, iv) == -ENOTSUP) {
		print_message("skipped: this CPU has no AES instructions\n");
		exit(77);
	}
	return 0;
}

/* The nonce by its definition, byte by byte. */
static void nonce_of(uint8_t nonce[AEAD_IV_BYTES], uint64_t packet_number)
{
	for (uint32_t i = 0; i < AEAD_IV_BYTES; i++) {
		uint32_t shift = 8 * (AEAD_IV_BYTES - 1 - i);

		nonce[i] = iv[i] ^ (shift < 64 ? (uint8_t)(packet_number >> shift) : 0);
	}
}

/* What OpenSSL makes of it: ciphertext, then tag. */
static void openssl_seal(uint8_t *dst, const uint8_t *src, uint32_t len, const uint8_t *ad,
			 uint32_t ad_len, uint64_t packet_number)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[AEAD_IV_BYTES];
	int done;

	nonce_of(nonce, packet_number);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, secret, nonce), 1);
	if (ad_len)
		assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &done, ad, (int)ad_len), 1);
	if (len)
		assert_int_equal(EVP_EncryptUpdate(ctx, dst, &done, src, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, dst + len, &done), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, AEAD_TAG_BYTES, dst + len),
			 1);
	EVP_CIPHER_CTX_free(ctx);
}

/* Seals the pieces to out + MARGIN + offset and compares all of out. */
static void check_seal(const struct aead_piece *pieces, uint32_t count, uint32_t offset,
		       uint32_t len, uint64_t packet_number)
{
	uint8_t *dst = out + MARGIN + offset;
	uint8_t *end = dst + len + AEAD_TAG_BYTES;

	memset(dst - MARGIN, CANARY, len + AEAD_TAG_BYTES + 2 * MARGIN);
	assert_int_equal(aead_gcm.seal(&key, dst, pieces, count, aad, AAD, packet_number),
			 len + AEAD_TAG_BYTES);
	assert_memory_equal(dst, want, len + AEAD_TAG_BYTES);
	for (uint32_t i = 1; i <= MARGIN; i++) {
		assert_int_equal(dst[-(int)i], CANARY);
		assert_int_equal(end[i - 1], CANARY);
	}
}

static void gcm_seal__known_answer(void **state)
{
	/* Test case 16 of McGrew and Viega, The Galois/Counter Mode of Operation. */
	static const uint8_t k[] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
				    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
				    0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
				    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
	static const uint8_t n[] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce,
				    0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
	static const uint8_t a[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
				    0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
	static const uint8_t p[] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59,
				    0x09, 0xc5, 0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53,
				    0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31,
				    0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53,
				    0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25, 0xb1, 0x6a,
				    0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
	static const uint8_t c[] = {
		0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a,
		0x84, 0x42, 0x7d, 0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9, 0x75, 0x98,
		0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa, 0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d, 0xbb,
		0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38, 0xc5, 0xf6, 0x1e, 0x63,
		0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62, 0x76, 0xfc, 0x6e, 0xce, 0x0f,
		0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b};
	struct aead_piece piece = {p, sizeof(p)};
	uint8_t sealed[sizeof(p) + AEAD_TAG_BYTES];
	struct aead_key other;

	(void)state;
	assert_int_equal(aead_key_init(&other, k, n), 0);
	assert_int_equal(aead_gcm.seal(&other, sealed, &piece, 1, a, sizeof(a), 0), sizeof(c));
	assert_memory_equal(sealed, c, sizeof(c));
	assert_true(aead_gcm.open(&other, sealed, sizeof(sealed), a, sizeof(a), 0));
	assert_memory_equal(sealed, p, sizeof(p));
}

static void gcm_seal__every_length(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= 1200; len++) {
		struct aead_piece piece = {plain + len % 7, len};

		openssl_seal(want, piece.data, len, aad, AAD, len);
		check_seal(&piece, 1, len % 64, len, len);
	}
}

static void gcm_seal__every_alignment(void **state)
{
	static const uint32_t lens[] = {1, 63, 257, 1420};

	(void)state;
	for (uint32_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++)
		for (uint32_t from = 0; from < 64; from++) {
			struct aead_piece piece = {plain + from, lens[l]};

			openssl_seal(want, piece.data, lens[l], aad, AAD, 7);
			for (uint32_t to = 0; to < 64; to++)
				check_seal(&piece, 1, to, lens[l], 7);
		}
}

static void gcm_seal__every_cut_in_two(void **state)
{
	/* Short ones are copied together, long ones are sealed piece by piece. */
	static const uint32_t lens[] = {40, 300, 767, 768, 1436, 4216};

	(void)state;
	for (uint32_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
		openssl_seal(want, plain, lens[l], aad, AAD, l);
		for (uint32_t cut = 0; cut <= lens[l]; cut++) {
			/* The second at an alignment of its own. */
			uint8_t *second = copies + cut % 64;
			struct aead_piece pieces[2] = {{plain, cut}, {second, lens[l] - cut}};

			memcpy(second, plain + cut, lens[l] - cut);
			check_seal(pieces, 2, cut % 61, lens[l], l);
		}
	}
}

/* Cuts plain[0..len) into pieces that lie apart in copies. */
static void cut_at_random(struct aead_piece *pieces, uint32_t count, uint32_t len)
{
	uint32_t at = 0, room = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t rest = len - at;
		uint32_t part = i + 1 == count ? rest : random_below(rest / (count - i) * 2 + 2);

		part = part < rest ? part : rest;
		room += random_below(64);
		memcpy(copies + room, plain + at, part);
		pieces[i] = (struct aead_piece){copies + room, part};
		room += part;
		at += part;
	}
}

static void gcm_seal__any_pieces(void **state)
{
	struct aead_piece pieces[AEAD_PIECES_MAX];

	(void)state;
	for (uint32_t round = 0; round < 4000; round++) {
		uint32_t count = 1 + random_below(round % 2 ? AEAD_PIECES_MAX : 4);
		uint32_t len = random_below(9216);

		cut_at_random(pieces, count, len);
		openssl_seal(want, plain, len, aad, AAD, round);
		check_seal(pieces, count, random_below(64), len, round);
	}
}

static void gcm_seal__nothing(void **state)
{
	struct aead_piece none[2] = {{plain, 0}, {plain, 0}};

	(void)state;
	openssl_seal(want, plain, 0, aad, AAD, 5);
	for (uint32_t count = 0; count <= 2; count++)
		check_seal(none, count, 0, 0, 5);
	assert_true(aead_gcm.open(&key, want, AEAD_TAG_BYTES, aad, AAD, 5));
}

static void gcm_seal__in_place(void **state)
{
	struct aead_piece piece = {out, 4200};

	(void)state;
	openssl_seal(want, plain, 4200, aad, AAD, 9);
	memcpy(out, plain, 4200);
	aead_gcm.seal(&key, out, &piece, 1, aad, AAD, 9);
	assert_memory_equal(out, want, 4200 + AEAD_TAG_BYTES);
}

static void gcm_seal__every_aad(void **state)
{
	struct aead_piece piece = {plain, 100};

	(void)state;
	for (uint32_t len = 0; len <= 80; len++) {
		openssl_seal(want, plain, 100, plain + 1000 + len, len, 3);
		aead_gcm.seal(&key, out, &piece, 1, plain + 1000 + len, len, 3);
		assert_memory_equal(out, want, 100 + AEAD_TAG_BYTES);
		assert_true(
			aead_gcm.open(&key, out, 100 + AEAD_TAG_BYTES, plain + 1000 + len, len, 3));
	}
}

static void gcm_seal__every_number(void **state)
{
	struct aead_piece piece = {plain, 50};

	(void)state;
	for (uint32_t bit = 0; bit <= 64; bit++) {
		uint64_t number = bit < 64 ? 1ull << bit : UINT64_MAX;

		openssl_seal(want, plain, 50, aad, AAD, number);
		check_seal(&piece, 1, 0, 50, number);
	}
}

static void gcm_open__what_openssl_sealed(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= 1500; len++) {
		uint8_t *data = out + len % 64;

		openssl_seal(data, plain, len, aad, AAD, len);
		assert_true(aead_gcm.open(&key, data, len + AEAD_TAG_BYTES, aad, AAD, len));
		assert_memory_equal(data, plain, len);
	}
}

/* Of a packet of 200 bytes after somebody changed it. */
static bool opens(uint64_t packet_number)
{
	memcpy(out, want, 200 + AEAD_TAG_BYTES);
	return aead_gcm.open(&key, out, 200 + AEAD_TAG_BYTES, aad, AAD, packet_number);
}

static void gcm_open__refuses_each_flipped_bit(void **state)
{
	(void)state;
	openssl_seal(want, plain, 200, aad, AAD, 12);
	assert_true(opens(12));
	for (uint32_t bit = 0; bit < (200 + AEAD_TAG_BYTES) * 8; bit++) {
		want[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(12));
		want[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (uint32_t bit = 0; bit < AAD * 8; bit++) {
		aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(12));
		aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (uint32_t bit = 0; bit < 64; bit++)
		assert_false(opens(12 ^ 1ull << bit));
	assert_true(opens(12));
}

static void gcm_open__refuses_other_keys_and_lengths(void **state)
{
	uint8_t other_secret[AEAD_KEY_BYTES], other_iv[AEAD_IV_BYTES];
	struct aead_key others[2];

	(void)state;
	memcpy(other_secret, secret, sizeof(secret));
	memcpy(other_iv, iv, sizeof(iv));
	other_secret[31] ^= 1;
	other_iv[0] ^= 1;
	assert_int_equal(aead_key_init(&others[0], other_secret, iv), 0);
	assert_int_equal(aead_key_init(&others[1], secret, other_iv), 0);
	openssl_seal(want, plain, 200, aad, AAD, 12);
	for (uint32_t i = 0; i < 2; i++) {
		memcpy(out, want, 200 + AEAD_TAG_BYTES);
		assert_false(aead_gcm.open(&others[i], out, 200 + AEAD_TAG_BYTES, aad, AAD, 12));
	}
	for (uint32_t len = 0; len < 200 + AEAD_TAG_BYTES; len++) {
		memcpy(out, want, 200 + AEAD_TAG_BYTES);
		assert_false(aead_gcm.open(&key, out, len, aad, AAD, 12));
	}
}

static void key__erased(void **state)
{
	struct aead_key other;
	const uint8_t *bytes = (const uint8_t *)&other;

	(void)state;
	assert_int_equal(aead_key_init(&other, secret, iv), 0);
	aead_key_erase(&other);
	for (uint32_t i = 0; i < sizeof(other); i++)
		assert_int_equal(bytes[i], 0);
}

/* NULL if all of it came out right. */
static void *seal_and_open(void *arg)
{
	struct aead_piece piece = {plain, 1420};
	uint8_t sealed[1420 + AEAD_TAG_BYTES];
	uint64_t first = *(const uint64_t *)arg;
	struct aead_key own;

	if (aead_key_init(&own, secret, iv))
		return arg;
	for (uint64_t number = first; number < first + 2000; number++) {
		aead_gcm.seal(&own, sealed, &piece, 1, aad, AAD, number);
		if (!aead_gcm.open(&key, sealed, sizeof(sealed), aad, AAD, number) ||
		    memcmp(sealed, plain, 1420) != 0)
			return arg;
	}
	return NULL;
}

static void key__many_threads(void **state)
{
	uint64_t firsts[4] = {0, 1u << 20, 1u << 30, 1ull << 40};
	pthread_t threads[4];
	void *failed;

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open, &firsts[i]), 0);
	for (uint32_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static void null__copies(void **state)
{
	struct aead_piece pieces[2] = {{plain, 16}, {plain + 100, 50}};

	(void)state;
	assert_int_equal(aead_null.seal(NULL, out, pieces, 2, aad, AAD, 1), 66 + AEAD_TAG_BYTES);
	assert_memory_equal(out, plain, 16);
	assert_memory_equal(out + 16, plain + 100, 50);
	assert_true(aead_null.open(NULL, out, 66 + AEAD_TAG_BYTES, aad, AAD, 1));
	out[66] = 1;
	assert_false(aead_null.open(NULL, out, 66 + AEAD_TAG_BYTES, aad, AAD, 1));
	assert_false(aead_null.open(NULL, out, AEAD_TAG_BYTES - 1, aad, AAD, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcm_seal__known_answer),
		cmocka_unit_test(gcm_seal__every_length),
		cmocka_unit_test(gcm_seal__every_alignment),
		cmocka_unit_test(gcm_seal__every_cut_in_two),
		cmocka_unit_test(gcm_seal__any_pieces),
		cmocka_unit_test(gcm_seal__nothing),
		cmocka_unit_test(gcm_seal__in_place),
		cmocka_unit_test(gcm_seal__every_aad),
		cmocka_unit_test(gcm_seal__every_number),
		cmocka_unit_test(gcm_open__what_openssl_sealed),
		cmocka_unit_test(gcm_open__refuses_each_flipped_bit),
		cmocka_unit_test(gcm_open__refuses_other_keys_and_lengths),
		cmocka_unit_test(key__erased),
		cmocka_unit_test(key__many_threads),
		cmocka_unit_test(null__copies),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

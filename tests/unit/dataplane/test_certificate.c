#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "dataplane/agent/certificate.h"

static char state_dir[64];
static struct state_file state;
static char error[256];

static int setup(void **unused)
{
	(void)unused;
	strcpy(state_dir, "/tmp/test-certificate-XXXXXX");
	if (!mkdtemp(state_dir))
		return -1;
	return state_file_open(&state, state_dir, "gw-a");
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", state.dir, name);
	return path;
}

static int teardown(void **unused)
{
	(void)unused;
	unlink(path_of("identity.pem"));
	rmdir(path_of("identity.pem.new"));
	rmdir(state.dir);
	return rmdir(state_dir);
}

static void open_good(struct certificate *certificate)
{
	int ret = certificate_open(certificate, &state, "gw-a", error, sizeof(error));

	if (ret)
		fail_msg("%d: %s", ret, error);
}

static void certificate_open__made_once_then_loaded(void **unused)
{
	struct certificate first, second;
	struct stat info;
	uint8_t *der = NULL, digest[32];
	char hex[65];
	int len;

	(void)unused;
	open_good(&first);
	assert_int_equal(stat(path_of("identity.pem"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_not_equal(stat(path_of("identity.pem.new"), &info), 0);

	/* The digest by another way: DER, then SHA-256. */
	len = i2d_X509(first.x509, &der);
	assert_true(len > 0);
	assert_int_equal(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	assert_string_equal(hex, first.sha256);
	OPENSSL_free(der);

	open_good(&second);
	assert_string_equal(first.sha256, second.sha256);
	assert_int_equal(EVP_PKEY_eq(first.key, second.key), 1);
	certificate_close(&first);
	certificate_close(&second);
	certificate_close(&second);
}

static void certificate_open__each_gateway_its_own(void **unused)
{
	struct certificate first, second;

	(void)unused;
	open_good(&first);
	unlink(path_of("identity.pem"));
	open_good(&second);
	assert_string_not_equal(first.sha256, second.sha256);
	certificate_close(&first);
	certificate_close(&second);
}

static void certificate_open__names_and_dates(void **unused)
{
	struct certificate certificate;
	char name[64] = "";

	(void)unused;
	open_good(&certificate);
	X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.x509), NID_commonName, name,
				  sizeof(name));
	assert_string_equal(name, "gw-a");
	assert_int_equal(X509_self_signed(certificate.x509, 1), 1);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(certificate.x509)) < 0);
	assert_true(X509_cmp_current_time(X509_get0_notAfter(certificate.x509)) > 0);
	assert_int_equal(EVP_PKEY_is_a(certificate.key, "EC"), 1);
	certificate_close(&certificate);
}

static void file_text(char **text, size_t *len)
{
	assert_int_equal(state_file_read(&state, "identity.pem", text, len), 0);
}

/* What is there stays as it is. */
static void refuse(const char *text, size_t len, const char *gateway, const char *says)
{
	struct certificate certificate;
	size_t after_len = 0;
	char *after;

	assert_int_equal(state_file_write(&state, "identity.pem", text, len), 0);
	assert_int_equal(certificate_open(&certificate, &state, gateway, error, sizeof(error)),
			 -EINVAL);
	if (!strstr(error, says))
		fail_msg("\"%s\" not in \"%s\"", says, error);
	assert_null(certificate.key);
	assert_null(certificate.x509);
	file_text(&after, &after_len);
	assert_int_equal(after_len, len);
	assert_memory_equal(after, text, len);
	free(after);
}

static void certificate_open__damaged_is_refused_not_replaced(void **unused)
{
	struct certificate certificate;
	size_t len = 0, other_len = 0;
	char *good, *other, *mixed;
	const char *certificate_at;

	(void)unused;
	open_good(&certificate);
	certificate_close(&certificate);
	file_text(&good, &len);
	unlink(path_of("identity.pem"));
	open_good(&certificate);
	certificate_close(&certificate);
	file_text(&other, &other_len);

	refuse("", 0, "gw-a", "no private key");
	refuse("garbage\n", 8, "gw-a", "no private key");
	refuse(good, len / 4, "gw-a", "no private key");
	refuse(good, len - 100, "gw-a", "no certificate");
	refuse(good, len, "gw-b", "another gateway's");
	certificate_at = strstr(other, "-----BEGIN CERT");
	assert_non_null(certificate_at);
	mixed = malloc(len + other_len);
	memcpy(mixed, good, len);
	strcpy(strstr(mixed, "-----BEGIN CERT"), certificate_at);
	refuse(mixed, strlen(mixed), "gw-a", "do not belong together");
	/* An encrypted key must not make OpenSSL ask at the terminal. */
	refuse("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGj\n"
	       "-----END ENCRYPTED PRIVATE KEY-----\n",
	       79, "gw-a", "no private key");
	free(mixed);
	free(good);
	free(other);
}

static void certificate_open__cannot_be_kept(void **unused)
{
	struct certificate certificate;

	(void)unused;
	/* In the way of the file that is written beside. */
	assert_int_equal(mkdir(path_of("identity.pem.new"), 0700), 0);
	assert_int_equal(certificate_open(&certificate, &state, "gw-a", error, sizeof(error)),
			 -EISDIR);
	assert_non_null(strstr(error, "cannot be kept"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(certificate_open__made_once_then_loaded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(certificate_open__each_gateway_its_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(certificate_open__names_and_dates, setup, teardown),
		cmocka_unit_test_setup_teardown(certificate_open__damaged_is_refused_not_replaced,
						setup, teardown),
		cmocka_unit_test_setup_teardown(certificate_open__cannot_be_kept, setup, teardown),
	};

	return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}

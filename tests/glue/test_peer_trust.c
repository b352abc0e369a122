/* Whom a gateway agrees on keys with: pins, certificates of an authority, strangers, impostors. */
#include "tests/glue/peer_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "control/ctl/pki.h"

static void trust__wrong_pin_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		strcpy(sides[i].pin, INTENT_SAMPLE_CERTIFICATE);
		paths_set(&sides[0], 1);
		paths_set(&sides[1], 1);
		/* Of the other one the dialler is told that it is not accepted. */
		WAIT_UNTIL(strstr(status_of(&sides[0]).error,
				  i ? "refuses our certificate" : "not the one that control pins"));
		turn_for(400 * MS);
		assert_int_equal(sides[0].held[0].installs + sides[1].held[0].installs, 0);
		assert_false(status_of(&sides[0]).is_up || status_of(&sides[1]).is_up);
		strcpy(sides[i].pin, sides[!i].certificate.sha256);
	}
	start_agreed(1);
	/* And one that was right becomes wrong: the session ends, the keys stay. */
	strcpy(sides[1].pin, INTENT_SAMPLE_CERTIFICATE);
	paths_set(&sides[1], 1);
	assert_false(status_of(&sides[1]).is_up);
	assert_string_equal(status_of(&sides[1]).error, "control pins another certificate");
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "refuses our certificate"));
	assert_true(is_agreed(1));
	strcpy(sides[1].pin, sides[0].certificate.sha256);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	turn_for(20 * MS);
	assert_int_equal(sides[0].held[0].installs, 1);
}

/* What an authority issued for a gateway: the paths of the files. */
struct issued {
	char ca[600], cert[600], key[600];
	struct tls_files files;
};

static void issue(struct issued *issued, const char *dir, enum identity_role role, const char *name)
{
	struct pki_request request = {.identity.role = role, .days = 1};
	char path[PKI_PATH_BYTES], error[PKI_ERROR_BYTES];

	strcpy(request.identity.name, name);
	if (pki_issue(dir, &request, path, error))
		fail_msg("%s", error);
	snprintf(issued->ca, sizeof(issued->ca), "%s/ca.crt", dir);
	snprintf(issued->cert, sizeof(issued->cert), "%.500s.crt", path);
	snprintf(issued->key, sizeof(issued->key), "%.500s.key", path);
	issued->files = (struct tls_files){issued->ca, issued->cert, issued->key};
}

static void authority_make(char dir[64], const char *name)
{
	char error[PKI_ERROR_BYTES];

	snprintf(dir, 64, "%.40s/%s", state_dir, name);
	if (pki_create(dir, "dc", 1, error))
		fail_msg("%s", error);
}

/* Whatever it wrote. */
static void authority_remove(const char *dir)
{
	struct dirent *entry;
	DIR *files = opendir(dir);

	assert_non_null(files);
	while ((entry = readdir(files)))
		unlinkat(dirfd(files), entry->d_name, 0);
	closedir(files);
	rmdir(dir);
}

/* The side begins anew with a certificate of that authority. */
static void side_issue(struct side *side, struct issued *issued, const char *dir)
{
	char error[256];

	peers_destroy(side->peers);
	certificate_close(&side->certificate);
	issue(issued, dir, ROLE_GATEWAY, side->name);
	if (certificate_open_issued(&side->certificate, &issued->files, side->name, error,
				    sizeof(error)))
		fail_msg("%s", error);
	side_start(side, side->name);
}

static void trust__authority_counts_not_the_pin(void **state)
{
	char dir[64], far_dir[64];
	struct issued issued[2], renewed;

	(void)state;
	authority_make(dir, "pki");
	authority_make(far_dir, "far");
	for (int i = 0; i < 2; i++) {
		side_issue(&sides[i], &issued[i], dir);
		/* Control may say what it likes. */
		strcpy(sides[i].pin, INTENT_SAMPLE_CERTIFICATE);
	}
	start_agreed(1);
	/* Renewed files count for the next session, and keys stay meanwhile. */
	issue(&renewed, dir, ROLE_GATEWAY, "gw-a");
	peers_rekey(sides[0].peers, 1);
	turn_for(20 * MS);
	assert_true(is_agreed(1));
	/* Somebody else's authority: refused at both ends. */
	side_issue(&sides[1], &issued[1], far_dir);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "certificate that is not accepted"));
	assert_false(status_of(&sides[1]).is_up);
	side_issue(&sides[1], &issued[1], dir);
	memset(sides[1].held, 0, sizeof(sides[1].held));
	start_agreed(1);
	authority_remove(dir);
	authority_remove(far_dir);
}

/* Two gateways with an authority's certificates agreed; the one of gw-b is taken back. */
static void trust__revoked(void **state)
{
	char dir[64], crl[80], error[PKI_ERROR_BYTES];
	struct issued issued[2];

	(void)state;
	authority_make(dir, "pki");
	snprintf(crl, sizeof(crl), "%s/ca.crl", dir);
	for (int i = 0; i < 2; i++)
		side_issue(&sides[i], &issued[i], dir);
	sides[0].certificate.files.crl = crl;
	start_agreed(1);
	if (pki_revoke(dir, issued[1].cert, error))
		fail_msg("%s", error);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "its certificate is revoked"));
	/* Nor does it come back. */
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "certificate revoked"));
	assert_false(status_of(&sides[0]).is_up);
	/* A new one is another one, and the keys of the path were kept. */
	issue(&issued[1], dir, ROLE_GATEWAY, "gw-b");
	WAIT_UNTIL(status_of(&sides[0]).is_up && status_of(&sides[1]).is_up);
	assert_true(is_agreed(1));
	authority_remove(dir);
}

static void trust__authority_names_another(void **state)
{
	struct issued issued[2], other;
	struct certificate foreign;
	char dir[64], error[256];

	(void)state;
	authority_make(dir, "pki");
	/* A gateway does not even start with what is not its own. */
	issue(&other, dir, ROLE_GATEWAY, "gw-c");
	assert_int_equal(
		certificate_open_issued(&foreign, &other.files, "gw-a", error, sizeof(error)),
		-EINVAL);
	assert_non_null(strstr(error, "not gateway gw-a"));
	for (int i = 0; i < 2; i++)
		side_issue(&sides[i], &issued[i], dir);
	/* One who got hold of another name's certificate, or of one that is no gateway's. */
	for (int i = 0; i < 2; i++) {
		issue(&other, dir, i ? ROLE_ADMIN : ROLE_GATEWAY, i ? "gw-b" : "gw-c");
		sides[1].certificate.files = other.files;
		paths_set(&sides[0], 1);
		paths_set(&sides[1], 1);
		WAIT_UNTIL(strstr(status_of(&sides[0]).error,
				  i ? "not accepted" : "certificate of gateway gw-c"));
		assert_int_equal(sides[0].held[0].installs + sides[1].held[0].installs, 0);
	}
	sides[1].certificate.files = issued[1].files;
	start_agreed(1);
	authority_remove(dir);
}

static void trust__another_gateways_name_is_refused(void **state)
{
	(void)state;
	peers_destroy(sides[1].peers);
	side_start(&sides[1], "gw-c");
	paths_set(&sides[0], 1);
	paths_set(&sides[1], 1);
	WAIT_UNTIL(strstr(status_of(&sides[0]).error, "but is gateway gw-c"));
	assert_int_equal(sides[0].held[0].installs, 0);
}

static int stranger_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(0x7f000002);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

static bool is_closed(int fd)
{
	char byte[64];
	ssize_t got;

	do
		got = recv(fd, byte, sizeof(byte), MSG_DONTWAIT);
	while (got > 0);
	return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void trust__strangers_do_no_harm(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	int silent[64], loud;

	(void)state;
	paths_set(&sides[1], 1);
	turn();
	loud = stranger_connect();
	assert_true(loud >= 0);
	assert_int_equal(send(loud, text, sizeof(text), MSG_NOSIGNAL), sizeof(text));
	WAIT_UNTIL(is_closed(loud));
	close(loud);
	/* Those that say nothing are let go when their time is over, too many at once. */
	for (int i = 0; i < 64; i++) {
		silent[i] = stranger_connect();
		assert_true(silent[i] >= 0);
		turn();
	}
	for (int i = 0; i < 64; i++) {
		WAIT_UNTIL(is_closed(silent[i]));
		close(silent[i]);
	}
	start_agreed(1);
}

/* A dialler that has the right certificate and says these bytes; never returns. */
static void impostor(const char *text, size_t len)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	int fd = stranger_connect();
	SSL *ssl = SSL_new(tls);
	char byte;

	SSL_use_certificate(ssl, sides[0].certificate.x509);
	SSL_use_PrivateKey(ssl, sides[0].certificate.key);
	SSL_set_fd(ssl, fd);
	if (fd < 0 || SSL_connect(ssl) != 1 || SSL_write(ssl, text, (int)len) != (int)len)
		_exit(1);
	while (SSL_read(ssl, &byte, 1) > 0)
		;
	_exit(0);
}

static void trust__says_what_it_must_not(void **state)
{
#define HELLO "{\"type\":\"hello\",\"version\":1,\"gateway\":\"gw-a\",\"boot\":1}\n"
	static char endless[70000];
	static const struct {
		const char *text, *error;
	} table[] = {
		{"{\"type\":\"alive\"}\n", NULL},
		{"no JSON\n", NULL},
		{HELLO HELLO, "it did not begin with one hello"},
		{HELLO "{\"type\":\"offer\"}\n", "sent what is no message: id is no number"},
		{HELLO, "sent a line of more than 65536 bytes"},
	};

	(void)state;
	paths_set(&sides[1], 1);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].text);
		int status;
		pid_t child;

		memset(endless, ' ', sizeof(endless));
		memcpy(endless, table[i].text, len);
		child = fork();
		if (!child)
			impostor(endless, i == 4 ? sizeof(endless) : len);
		WAIT_UNTIL(waitpid(child, &status, WNOHANG) == child);
		assert_int_equal(status, 0);
		turn_for(5 * MS);
		assert_false(status_of(&sides[1]).is_up);
		if (table[i].error &&
		    strncmp(status_of(&sides[1]).error, table[i].error, strlen(table[i].error)))
			fail_msg("\"%s\", not \"%s\"", status_of(&sides[1]).error, table[i].error);
	}
	start_agreed(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(trust__wrong_pin_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(trust__authority_counts_not_the_pin, setup,
						teardown),
		cmocka_unit_test_setup_teardown(trust__revoked, setup, teardown),
		cmocka_unit_test_setup_teardown(trust__authority_names_another, setup, teardown),
		cmocka_unit_test_setup_teardown(trust__another_gateways_name_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(trust__strangers_do_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(trust__says_what_it_must_not, setup, teardown),
	};

	return cmocka_run_group_tests_name("peer_trust", tests, NULL, NULL);
}

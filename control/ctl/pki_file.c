#include "control/ctl/pki_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#define NAME_BYTES  (PKI_PATH_BYTES + 16)
#define SECRET_MODE 0600

static int file_wrong(char error[PKI_ERROR_BYTES], const char *name, const char *what)
{
	snprintf(error, PKI_ERROR_BYTES, "%.400s: %s", name, what);
	ERR_clear_error();
	return -1;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			len -= (size_t)done;
		}
	}
	return fsync(fd) ? -errno : 0;
}

/* Whoever was let at the old file is let at the new one: a daemon's group, say. Never all. */
static void rights_keep(int fd, const char *name)
{
	struct stat old;

	if (!stat(name, &old) && !fchown(fd, old.st_uid, old.st_gid))
		(void)fchmod(fd, old.st_mode & 0640);
}

/* Under a name of its own first: whoever reads sees the old file or the new one, whole. */
int pki_file_put(const char *name, BIO *bio, mode_t mode, bool is_first,
		 char error[PKI_ERROR_BYTES])
{
	char fresh[NAME_BYTES + 8], *data;
	long len = BIO_get_mem_data(bio, &data);
	int fd, ret;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return file_wrong(error, fresh, strerror(errno));
	if (!is_first && mode == SECRET_MODE)
		rights_keep(fd, name);
	ret = write_all(fd, data, (size_t)len);
	close(fd);
	/* link does not replace. */
	if (!ret && (is_first ? link(fresh, name) : rename(fresh, name)))
		ret = -errno;
	if (ret || is_first)
		unlink(fresh);
	if (ret == -EEXIST)
		return file_wrong(error, name,
				  "is there already: an authority is never replaced; remove it "
				  "yourself, and issue all certificates anew");
	return ret ? file_wrong(error, name, strerror(-ret)) : 0;
}

int pki_file_write(const char *path, EVP_PKEY *key, X509 *cert, bool is_first,
		   char error[PKI_ERROR_BYTES])
{
	BIO *secret = BIO_new(BIO_s_secmem()); /* wiped when freed */
	BIO *open = BIO_new(BIO_s_mem());
	char name[NAME_BYTES];
	int ret = -1;

	snprintf(name, sizeof(name), "%s.key", path);
	if (!secret || !open ||
	    !PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) ||
	    !PEM_write_bio_X509(open, cert))
		file_wrong(error, name, "out of memory");
	else
		ret = pki_file_put(name, secret, SECRET_MODE, is_first, error);
	snprintf(name, sizeof(name), "%s.crt", path);
	if (!ret)
		ret = pki_file_put(name, open, 0644, is_first, error);
	BIO_free(secret);
	BIO_free(open);
	return ret;
}

/* OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

int pki_file_read(const char *path, EVP_PKEY **key, X509 **cert, char error[PKI_ERROR_BYTES])
{
	char name[NAME_BYTES];
	BIO *bio;

	snprintf(name, sizeof(name), "%s.key", path);
	bio = BIO_new_file(name, "r");
	if (bio)
		*key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (!*key)
		return file_wrong(error, name,
				  bio ? "holds no private key that can be read"
				      : "cannot be read: begin with pki init, or "
					"give its folder with --dir");
	snprintf(name, sizeof(name), "%s.crt", path);
	bio = BIO_new_file(name, "r");
	if (bio)
		*cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	BIO_free(bio);
	return *cert ? 0 : file_wrong(error, name, "holds no certificate that can be read");
}

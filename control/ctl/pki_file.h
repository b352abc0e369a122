/* A key and a certificate as two PEM files, PATH.key and PATH.crt. Private to pki*.c. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <openssl/x509v3.h>

#include "control/ctl/pki.h"

/* is_first: never over a file that is there. 0, or -1 and one line in error. */
int pki_file_write(const char *path, EVP_PKEY *key, X509 *cert, bool is_first,
		   char error[PKI_ERROR_BYTES]);
/* Whole, and with the rights that it had: is_first as above. */
int pki_file_put(const char *name, BIO *bio, mode_t mode, bool is_first,
		 char error[PKI_ERROR_BYTES]);
/* The caller frees both, whatever comes back. */
int pki_file_read(const char *path, EVP_PKEY **key, X509 **cert, char error[PKI_ERROR_BYTES]);

/*
 * The part of control's configuration that says who may come: tls, insecure, plain_role, users.
 * Read with the rest of the file (control_config.c); here are its schema, its checks and what they
 * lead to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <cyaml/cyaml.h>

#include "control/io/access.h"

struct control_tls {
	char *ca, *cert, *key;
	char *crl;	    /* NULL: none */
	char *trust_domain; /* NULL: ACCESS_DOMAIN_DEFAULT */
};

struct control_user {
	uint32_t uid;
	char *role;
	char *tenant; /* NULL: not bound to one */
};

struct control_access {
	struct control_tls *tls; /* NULL: none */
	bool is_insecure;	 /* plain HTTP/2 where others can reach it, too */
	char *plain_role;	 /* NULL: viewer with tls, admin without */
	struct control_user *users;
	unsigned int users_count;
};

extern const cyaml_schema_field_t control_tls_fields[];
extern const cyaml_schema_value_t control_user_entry;

/* NULL, and one line in error that says what to do. */
struct access *control_access_create(const struct control_access *config, char *error, size_t size);
/*
 * Whether this address serves TLS: "https://" says yes, "http://" and unix sockets no, otherwise
 * yes when there is a certificate. 1, 0, or -1 with one line in error when it must not be served.
 */
int control_access_is_tls(const struct control_access *config, const char *address, char *error,
			  size_t size);
/* As YAML; nothing where nothing is set. */
void control_access_print(const struct control_access *config, FILE *out);

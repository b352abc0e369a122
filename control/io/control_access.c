#include "control/io/control_access.h"

#include <string.h>

#include "control/io/listen_socket.h"

#define PATH_BYTES_MAX 4095
#define UID_MAX	       0xfffffffeu

#define TEXT(type, member, flags, max) \
	CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | (flags), type, member, 1, max)

const cyaml_schema_field_t control_tls_fields[] = {
	TEXT(struct control_tls, ca, 0, PATH_BYTES_MAX),
	TEXT(struct control_tls, cert, 0, PATH_BYTES_MAX),
	TEXT(struct control_tls, key, 0, PATH_BYTES_MAX),
	TEXT(struct control_tls, crl, CYAML_FLAG_OPTIONAL, PATH_BYTES_MAX),
	TEXT(struct control_tls, trust_domain, CYAML_FLAG_OPTIONAL, IDENTITY_DOMAIN_BYTES - 1),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t user_fields[] = {
	CYAML_FIELD_UINT("uid", CYAML_FLAG_DEFAULT, struct control_user, uid),
	TEXT(struct control_user, role, 0, MODEL_NAME_BYTES - 1),
	TEXT(struct control_user, tenant, CYAML_FLAG_OPTIONAL, MODEL_NAME_BYTES - 1),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t control_user_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct control_user, user_fields),
};

/* People's roles: a gateway or a control is known by its certificate alone. */
static bool role_read(const char *text, enum identity_role *role)
{
	*role = identity_role_find(text);
	return *role != ROLE_NONE && *role != ROLE_GATEWAY && *role != ROLE_CONTROL;
}

static int user_read(const struct control_user *user, struct access_uid *out, char *error,
		     size_t size)
{
	struct identity *who = &out->identity;

	*out = (struct access_uid){.uid = user->uid};
	snprintf(who->name, sizeof(who->name), "uid-%u", user->uid);
	snprintf(who->tenant, sizeof(who->tenant), "%s", user->tenant ? user->tenant : "");
	if (user->uid <= UID_MAX && role_read(user->role, &who->role) && identity_is_valid(who))
		return 0;
	snprintf(error, size,
		 "users: uid %u: role is viewer, scheduler, operator or admin; the first two may "
		 "have a tenant",
		 user->uid);
	return -1;
}

static int users_read(const struct control_access *config, struct access_uid *uids, char *error,
		      size_t size)
{
	for (unsigned int i = 0; i < config->users_count; i++) {
		if (user_read(&config->users[i], &uids[i], error, size))
			return -1;
	}
	return 0;
}

static const char *plain_role(const struct control_access *config)
{
	if (config->plain_role)
		return config->plain_role;
	return config->tls ? "viewer" : "admin";
}

struct access *control_access_create(const struct control_access *config, char *error, size_t size)
{
	struct access_uid uids[ACCESS_UIDS_MAX];
	struct access_options options = {.uids = uids, .uid_count = config->users_count};
	struct tls_files files;

	if (users_read(config, uids, error, size))
		return NULL;
	if (!role_read(plain_role(config), &options.plain_role)) {
		snprintf(error, size, "plain_role: is viewer, scheduler, operator or admin, not %s",
			 config->plain_role);
		return NULL;
	}
	if (config->tls) {
		files = (struct tls_files){
			.ca = config->tls->ca,
			.cert = config->tls->cert,
			.key = config->tls->key,
			.crl = config->tls->crl,
		};
		options.tls = &files;
		options.domain = config->tls->trust_domain;
	}
	return access_create(&options, error, size);
}

int control_access_is_tls(const struct control_access *config, const char *address, char *error,
			  size_t size)
{
	enum listen_scheme scheme = listen_address_scheme(address);

	if (scheme == LISTEN_ANY)
		scheme = config->tls ? LISTEN_HTTPS : LISTEN_HTTP;
	if (scheme == LISTEN_HTTPS && !config->tls) {
		snprintf(error, size, "%s needs tls: {ca, cert, key} in the configuration",
			 address);
		return -1;
	}
	if (scheme == LISTEN_HTTP && !listen_address_is_local(address) && !config->is_insecure) {
		snprintf(error, size,
			 "%s without TLS would let everybody in who reaches it: give tls: {ca, "
			 "cert, key} (causewayctl pki makes them), or insecure: true on a network "
			 "where that is right",
			 address);
		return -1;
	}
	return scheme == LISTEN_HTTPS;
}

static void text_print(FILE *out, const char *key, const char *value)
{
	fprintf(out, "%s: \"", key);
	for (; *value; value++)
		fprintf(out, strchr("\"\\", *value) ? "\\%c" : "%c", *value);
	fputs("\"\n", out);
}

void control_access_print(const struct control_access *config, FILE *out)
{
	const struct control_tls *tls = config->tls;

	if (tls) {
		fputs("tls:\n", out);
		text_print(out, "  ca", tls->ca);
		text_print(out, "  cert", tls->cert);
		text_print(out, "  key", tls->key);
		if (tls->crl)
			text_print(out, "  crl", tls->crl);
		text_print(out, "  trust_domain",
			   tls->trust_domain ? tls->trust_domain : ACCESS_DOMAIN_DEFAULT);
	}
	if (config->is_insecure)
		fputs("insecure: true\n", out);
	fprintf(out, "plain_role: %s\n", plain_role(config));
	if (config->users_count)
		fputs("users:\n", out);
	for (unsigned int i = 0; i < config->users_count; i++) {
		fprintf(out, "  - uid: %u\n    role: %s\n", config->users[i].uid,
			config->users[i].role);
		if (config->users[i].tenant)
			fprintf(out, "    tenant: %s\n", config->users[i].tenant);
	}
}

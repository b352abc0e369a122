#include "control/core/identity.h"

#include <string.h>

#define SCHEME	 "spiffe://"
#define ALL	 (~0u)
#define BIT(bit) (1u << (bit))

/* What a role may read and change, in bits of enum model_kind. */
static const struct permission {
	const char *name;
	unsigned int reads, writes;
	bool reads_service;
	bool takes_tenant, takes_site;
} permissions[ROLE_COUNT] = {
	[ROLE_NONE] = {.name = "none"},
	[ROLE_VIEWER] = {"viewer", .reads = ALL, .reads_service = true, .takes_tenant = true},
	[ROLE_SCHEDULER] = {"scheduler", .reads = ALL, .writes = BIT(KIND_PATH) | BIT(KIND_CLUSTER),
			    .reads_service = true, .takes_tenant = true},
	[ROLE_OPERATOR] = {"operator", .reads = ALL,
			   .writes = BIT(KIND_SITE) | BIT(KIND_GATEWAY) | BIT(KIND_LINK) |
				     BIT(KIND_PATH) | BIT(KIND_CLUSTER),
			   .reads_service = true},
	[ROLE_ADMIN] = {"admin", .reads = ALL, .writes = ALL, .reads_service = true},
	[ROLE_GATEWAY] = {"gateway", .takes_site = true},
	[ROLE_CONTROL] = {"control"},
};

const char *identity_role_name(enum identity_role role)
{
	return permissions[role < ROLE_COUNT ? role : ROLE_NONE].name;
}

enum identity_role identity_role_find(const char *name)
{
	for (int role = ROLE_VIEWER; role < ROLE_COUNT; role++) {
		if (!strcmp(permissions[role].name, name))
			return (enum identity_role)role;
	}
	return ROLE_NONE;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool identity_domain_is_valid(const char *domain)
{
	size_t len = strlen(domain);

	if (!len || len >= IDENTITY_DOMAIN_BYTES || !is_letter_or_digit(domain[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_letter_or_digit(domain[i]) && !strchr("._-", domain[i]))
			return false;
	}
	return true;
}

bool identity_is_valid(const struct identity *identity)
{
	const struct permission *permission;

	if (identity->role <= ROLE_NONE || identity->role >= ROLE_COUNT ||
	    !model_name_is_valid(identity->name))
		return false;
	permission = &permissions[identity->role];
	if (identity->tenant[0] &&
	    (!permission->takes_tenant || !model_name_is_valid(identity->tenant)))
		return false;
	return !identity->site[0] ||
	       (permission->takes_site && model_name_is_valid(identity->site));
}

/*
 * Takes "/word/VALUE" off the front. 1: it was there; 0: something else is; -1: its value is no
 * name.
 */
static int pair_take(const char **text, const char *word, char value[MODEL_NAME_BYTES])
{
	const char *at = *text;
	size_t len = strlen(word);

	if (at[0] != '/' || strncmp(at + 1, word, len) != 0 || at[1 + len] != '/')
		return 0;
	at += len + 2;
	len = strcspn(at, "/");
	if (!len || len >= MODEL_NAME_BYTES)
		return -1;
	memcpy(value, at, len);
	value[len] = 0;
	*text = at + len;
	return 1;
}

static bool pairs_take(const char *text, struct identity *identity)
{
	char role[MODEL_NAME_BYTES];

	if (pair_take(&text, "tenant", identity->tenant) < 0 ||
	    pair_take(&text, "role", role) != 1 || pair_take(&text, "name", identity->name) != 1 ||
	    pair_take(&text, "site", identity->site) < 0 || *text)
		return false;
	identity->role = identity_role_find(role);
	return identity_is_valid(identity);
}

bool identity_parse(const char *uri, const char *domain, struct identity *identity)
{
	size_t len = strlen(domain);

	memset(identity, 0, sizeof(*identity));
	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return false;
	uri += strlen(SCHEME);
	if (strncmp(uri, domain, len) != 0 || uri[len] != '/')
		return false;
	if (pairs_take(uri + len, identity))
		return true;
	memset(identity, 0, sizeof(*identity));
	return false;
}

static char *append(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len + 1);
	return to + len;
}

void identity_format(const struct identity *identity, char text[IDENTITY_TEXT_BYTES])
{
	char *to = append(text, identity_role_name(identity->role));

	if (identity->name[0]) {
		to = append(to, " ");
		to = append(to, identity->name);
	}
	if (identity->tenant[0]) {
		to = append(to, " of tenant ");
		to = append(to, identity->tenant);
	}
	if (identity->site[0]) {
		to = append(to, " at site ");
		append(to, identity->site);
	}
}

static const struct permission *permission_of(const struct identity *identity)
{
	return &permissions[identity->role < ROLE_COUNT ? identity->role : ROLE_NONE];
}

bool identity_may_read(const struct identity *identity, enum model_kind kind)
{
	return permission_of(identity)->reads & BIT(kind);
}

bool identity_may_write(const struct identity *identity, enum model_kind kind)
{
	return permission_of(identity)->writes & BIT(kind);
}

bool identity_may_read_service(const struct identity *identity)
{
	return permission_of(identity)->reads_service;
}

bool identity_is_gateway(const struct identity *identity, const char *gateway)
{
	/* An admin can do a gateway's part by hand, e.g. to see what one would be told. */
	return identity->role == ROLE_ADMIN ||
	       (identity->role == ROLE_GATEWAY && !strcmp(identity->name, gateway));
}

bool identity_sees_tenant(const struct identity *identity, const char *tenant)
{
	return !identity->tenant[0] || !strcmp(identity->tenant, tenant);
}

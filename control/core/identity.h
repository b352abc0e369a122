/*
 * Who asks: a role, a name and perhaps one tenant, as a certificate's URI says it (SPIFFE ID), and
 * what such a one may do. Pure; any thread.
 *
 *	spiffe://DOMAIN[/tenant/TENANT]/role/ROLE/name/NAME[/site/SITE]
 *
 * Viewers and schedulers may be bound to a tenant, gateways are bound to a site. Promise: what the
 * table in identity.c does not grant is refused; whoever is bound to a tenant sees no object of
 * another one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control/core/model.h"

#define IDENTITY_DOMAIN_BYTES 64
/* For identity_format: three names, and the words between them. */
#define IDENTITY_TEXT_BYTES (3 * MODEL_NAME_BYTES + 64)

enum identity_role {
	ROLE_NONE, /* known to nobody: may do nothing */
	ROLE_VIEWER,
	ROLE_SCHEDULER,
	ROLE_OPERATOR,
	ROLE_ADMIN,
	ROLE_GATEWAY,
	ROLE_CONTROL, /* what gateways and clients ask of the server's own certificate */
	ROLE_COUNT,
};

struct identity {
	enum identity_role role;
	char tenant[MODEL_NAME_BYTES]; /* "": not bound to one */
	char name[MODEL_NAME_BYTES];
	char site[MODEL_NAME_BYTES]; /* of a gateway, else "" */
};

/* "viewer", ...; ROLE_NONE for an unknown name. */
const char *identity_role_name(enum identity_role role);
enum identity_role identity_role_find(const char *name);
/* 1 to 63 of [a-z0-9._-], the first one a letter or digit. */
bool identity_domain_is_valid(const char *domain);

/* Does the identity hold together: tenant and site only where the role takes one? */
bool identity_is_valid(const struct identity *identity);
/* False, and ROLE_NONE, for anything but an URI as above of this domain. */
bool identity_parse(const char *uri, const char *domain, struct identity *identity);
/* "scheduler slurm of tenant blue": for people and for the audit log. */
void identity_format(const struct identity *identity, char text[IDENTITY_TEXT_BYTES]);

/* May it read, or change, objects of this kind? */
bool identity_may_read(const struct identity *identity, enum model_kind kind);
bool identity_may_write(const struct identity *identity, enum model_kind kind);
/* May it see what concerns no tenant: the service's state, classes, events, topology, metrics? */
bool identity_may_read_service(const struct identity *identity);
/* May it be given this gateway's intent, and report for it? */
bool identity_is_gateway(const struct identity *identity, const char *gateway);
/* Is an object of this tenant ("": of none) there for it? */
bool identity_sees_tenant(const struct identity *identity, const char *tenant);

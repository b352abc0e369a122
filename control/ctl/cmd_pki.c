/* pki init, pki issue, pki revoke: certificates for control, gateways and people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl/command.h"
#include "control/ctl/output.h"
#include "control/ctl/pki.h"
#include "control/ctl/run.h"

#define DIR_DEFAULT	 "pki"
#define DOMAIN_DEFAULT	 "causeway"
#define AUTHORITY_DAYS	 3650
#define CERTIFICATE_DAYS 365

static const char *dir_of(const struct ctl *ctl)
{
	const char *dir = ctl_option(ctl, "dir");

	return dir ? dir : DIR_DEFAULT;
}

/* 0: what was given is no such number. */
static uint32_t days_of(const struct ctl *ctl, uint32_t otherwise)
{
	const char *text = ctl_option(ctl, "days");
	unsigned long days;

	if (!text)
		return otherwise;
	if (!text[0] || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
		return 0;
	days = strtoul(text, NULL, 10);
	return days <= PKI_DAYS_MAX ? (uint32_t)days : 0;
}

static enum exit_code tell(const struct ctl *ctl, const char *path, const char *advice)
{
	json_t *value;

	if (!ctl->json) {
		printf("%s.crt and %s.key: %s\n", path, path, advice);
		return EXIT_OK;
	}
	value = json_pack("{s:s+, s:s+}", "certificate", path, ".crt", "key", path, ".key");
	output_json(value);
	json_decref(value);
	return EXIT_OK;
}

enum exit_code run_pki_init(struct ctl *ctl)
{
	const char *domain = ctl_option(ctl, "domain");
	char path[PKI_PATH_BYTES], error[PKI_ERROR_BYTES];
	uint32_t days = days_of(ctl, AUTHORITY_DAYS);

	if (!days)
		return output_error(ctl, EXIT_USAGE, "usage", "--days is 1 to %d", PKI_DAYS_MAX);
	if (pki_create(dir_of(ctl), domain ? domain : DOMAIN_DEFAULT, days, error))
		return output_error(ctl, EXIT_USAGE, "pki", "%s", error);
	snprintf(path, sizeof(path), "%s/ca", dir_of(ctl));
	return tell(ctl, path,
		    "everybody gets the first; the second signs whatever you want, so keep it "
		    "where nobody else is");
}

static void name_take(char to[MODEL_NAME_BYTES], const char *text)
{
	/* What is cut off here is too long to be valid: it stays so. */
	if (text && strlen(text) >= MODEL_NAME_BYTES)
		text = "/";
	snprintf(to, MODEL_NAME_BYTES, "%s", text ? text : "");
}

static enum exit_code issue(const struct ctl *ctl, const struct pki_request *request)
{
	char path[PKI_PATH_BYTES], error[PKI_ERROR_BYTES];

	if (pki_issue(dir_of(ctl), request, path, error))
		return output_error(ctl, EXIT_USAGE, "pki", "%s", error);
	return tell(ctl, path, "for whom they are, with ca.crt");
}

enum exit_code run_pki_issue(struct ctl *ctl)
{
	struct pki_request request = {
		.identity.role = identity_role_find(ctl->args[0]),
		.days = days_of(ctl, CERTIFICATE_DAYS),
	};
	const char *host;

	if (request.identity.role == ROLE_NONE)
		return output_error(ctl, EXIT_USAGE, "usage",
				    "ROLE is control, gateway, admin, operator, scheduler or "
				    "viewer, not \"%.40s\"",
				    ctl->args[0]);
	if (!request.days)
		return output_error(ctl, EXIT_USAGE, "usage", "--days is 1 to %d", PKI_DAYS_MAX);
	name_take(request.identity.name, ctl->args[1]);
	name_take(request.identity.tenant, ctl_option(ctl, "tenant"));
	name_take(request.identity.site, ctl_option(ctl, "site"));
	while ((host = ctl_option_at(ctl, "host", request.host_count))) {
		if (request.host_count == PKI_HOSTS_MAX)
			return output_error(ctl, EXIT_USAGE, "usage", "at most %d times --host",
					    PKI_HOSTS_MAX);
		request.hosts[request.host_count++] = host;
	}
	return issue(ctl, &request);
}

/* The one that was named, or the one that the folder has of ROLE NAME. */
static int revoked_path(const struct ctl *ctl, char path[PKI_PATH_BYTES],
			char error[PKI_ERROR_BYTES])
{
	struct identity who = {.role = identity_role_find(ctl->args[0])};

	if (ctl->arg_count == 1) {
		snprintf(path, PKI_PATH_BYTES, "%s", ctl->args[0]);
		return 0;
	}
	name_take(who.name, ctl->args[1]);
	name_take(who.tenant, ctl_option(ctl, "tenant"));
	if (pki_path(dir_of(ctl), &who, path, error))
		return -1;
	snprintf(path + strlen(path), PKI_PATH_BYTES - strlen(path), ".crt");
	return 0;
}

enum exit_code run_pki_revoke(struct ctl *ctl)
{
	char path[PKI_PATH_BYTES], list[PKI_PATH_BYTES], error[PKI_ERROR_BYTES] = "";
	json_t *value;
	bool had_list;

	snprintf(list, sizeof(list), "%s/ca.crl", dir_of(ctl));
	had_list = access(list, F_OK) == 0;
	if (revoked_path(ctl, path, error) || pki_revoke(dir_of(ctl), path, error))
		return output_error(ctl, EXIT_USAGE, "pki", "%s", error);
	if (!had_list)
		fprintf(stderr,
			"causewayctl: there was no %s: a new list begins, and what was revoked "
			"before is not on it\n",
			list);
	if (!ctl->json) {
		printf("%s has %s now: give it to control and the gateways (crl in their "
		       "configurations), and control a SIGHUP\n",
		       list, path);
		return EXIT_OK;
	}
	value = json_pack("{s:s, s:s}", "crl", list, "certificate", path);
	output_json(value);
	json_decref(value);
	return EXIT_OK;
}

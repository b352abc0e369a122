/* The part of the configuration file about control: where it is, and who both ends are. */
#include "dataplane/agent/config_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FORM "http://HOST:PORT or https://HOST:PORT"

/* http[s]://host:port with an optional '/' behind; an IPv6 host in brackets. */
static int url_read(const struct config_reading *reading, const char *text, char *out)
{
	const char *place = "control.url", *host, *port;
	size_t scheme = strncmp(text, "https://", 8) ? 7 : 8, host_length;
	uint32_t number;
	char digits[8];

	if (strlen(text) >= CONFIG_URL_BYTES || (scheme == 7 && strncmp(text, "http://", 7)))
		return config_wrong(reading, place, "'%.64s' is not of the form " FORM, text);
	host = text + scheme;
	host_length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	port = strlen(host) > host_length ? host + host_length : "";
	if (host_length < 1 || *port != ':' || strcspn(port + 1, "/") >= sizeof(digits) ||
	    strcspn(host, " \t?#@%") != strlen(host))
		return config_wrong(reading, place, "'%.64s' is not of the form " FORM, text);
	snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(port + 1, "/"), port + 1);
	if (strcmp(port + 1 + strlen(digits), "/") && port[1 + strlen(digits)])
		return config_wrong(reading, place, "'%.64s': nothing may follow the port", text);
	strcpy(out, text);
	return config_read_number(reading, place, digits, 1, 65535, &number);
}

static int files_read(const struct config_reading *reading, const struct config_raw_control *raw,
		      struct gateway_config *config)
{
	const struct {
		const char *place, *text;
		char *out;
	} files[] = {
		{"control.ca", raw->ca, config->control_ca},
		{"control.cert", raw->cert, config->control_cert},
		{"control.key", raw->key, config->control_key},
		{"control.crl", raw->crl, config->control_crl},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].text &&
		    config_read_directory(reading, files[i].place, files[i].text, files[i].out))
			return -EINVAL;
	}
	return 0;
}

int config_read_control(const struct config_reading *reading, const struct config_raw *raw,
			struct gateway_config *config)
{
	bool is_tls, has_files;

	if (raw->control.url && url_read(reading, raw->control.url, config->control_url))
		return -EINVAL;
	if (files_read(reading, &raw->control, config))
		return -EINVAL;
	is_tls = !strncmp(config->control_url, "https:", 6);
	has_files = config->control_ca[0] && config->control_cert[0] && config->control_key[0];
	if (is_tls && !has_files)
		return config_wrong(reading, "control",
				    "https needs the files ca, cert and key (causewayctl pki issue "
				    "gateway NAME makes the last two)");
	if (!is_tls && (config->control_ca[0] || config->control_cert[0] ||
			config->control_key[0] || config->control_crl[0]))
		return config_wrong(reading, "control",
				    "ca, cert, key and crl are for https: write https:// in url, "
				    "or leave them out");
	return 0;
}

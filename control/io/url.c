#include "control/io/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int parse_unix(const char *path, struct url *url)
{
	if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -EINVAL;
	url->is_unix = true;
	snprintf(url->host, sizeof(url->host), "%s", path);
	snprintf(url->authority, sizeof(url->authority), "localhost");
	return 0;
}

static bool host_is_valid(const char *host, bool bracketed)
{
	if (host[0] == '\0')
		return false;
	for (; *host; host++) {
		if (isalnum((unsigned char)*host) || strchr(bracketed ? ":.%-_" : ".-_", *host))
			continue;
		return false;
	}
	return true;
}

static int parse_port(const char *text, size_t len, struct url *url)
{
	if (len == 0 || len >= sizeof(url->port) || strspn(text, "0123456789") != len)
		return -EINVAL;
	memcpy(url->port, text, len);
	url->port[len] = '\0';
	if (atoi(url->port) < 1 || atoi(url->port) > 65535)
		return -EINVAL;
	return 0;
}

/* authority is the text between "http://" and the path. */
static int parse_authority(struct url *url)
{
	const char *text = url->authority;
	bool bracketed = text[0] == '[';
	const char *host = text + bracketed;
	const char *end = host + strcspn(host, bracketed ? "]" : ":");
	const char *rest = end;

	if (bracketed && *rest++ != ']')
		return -EINVAL;
	if ((size_t)(end - host) >= sizeof(url->host))
		return -EINVAL;
	memcpy(url->host, host, (size_t)(end - host));
	if (!host_is_valid(url->host, bracketed))
		return -EINVAL;
	if (*rest == '\0') {
		strcpy(url->port, url->is_tls ? "443" : "80");
		return 0;
	}
	if (*rest != ':')
		return -EINVAL;
	return parse_port(rest + 1, strlen(rest + 1), url);
}

int url_parse(const char *text, struct url *url)
{
	size_t len;

	*url = (struct url){0};
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, url);
	url->is_tls = strncmp(text, "https://", 8) == 0;
	if (!url->is_tls && strncmp(text, "http://", 7) != 0)
		return -EINVAL;
	text += url->is_tls ? 8 : 7;
	len = strcspn(text, "/");
	if (len >= sizeof(url->authority) || (text[len] == '/' && text[len + 1] != '\0'))
		return -EINVAL;
	memcpy(url->authority, text, len);
	return parse_authority(url);
}

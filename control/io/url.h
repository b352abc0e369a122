/*
 * Where a server listens, as text: http://host[:port][/], https://host[:port][/],
 * http://[v6]:port, unix:/path.
 * No I/O, no allocation; any thread.
 */
#pragma once

#include <stdbool.h>

struct url {
	bool is_unix;
	bool is_tls;
	char host[256];	     /* without brackets; of unix: the socket's path */
	char port[6];	     /* decimal, "80" or "443" where the text names none; of unix: "" */
	char authority[264]; /* as HTTP/2 wants it: host:port as written; of unix: "localhost" */
};

/* 0 or -EINVAL: another scheme, a path or user part, an empty or odd host, a port not in 1..65535.
 */
int url_parse(const char *text, struct url *url);

/*
 * Listening sockets from text: "127.0.0.1:7700", "[::1]:7700", "unix:/run/causeway/control". An
 * http:// or https:// before an address and port says what is spoken there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The socket, or -1 with one line in error that says what is wrong and what to do. Port 0 takes a
 * free one. bound: the address as it came to be.
 */
int listen_socket_open(const char *address, char *bound, size_t bound_size, char *error,
		       size_t error_size);
/* Is the text an address that listen_socket_open would try? */
bool listen_address_is_valid(const char *address);
enum listen_scheme {
	LISTEN_ANY, /* the text does not say */
	LISTEN_HTTP,
	LISTEN_HTTPS
};
/* A unix socket is LISTEN_HTTP. */
enum listen_scheme listen_address_scheme(const char *address);
/* Can only this machine reach it? */
bool listen_address_is_local(const char *address);

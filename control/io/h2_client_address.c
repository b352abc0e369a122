/* Where the client's server is: once, when the client is made. */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/un.h>

#include "control/io/h2_client_internal.h"

static int resolve_unix(struct h2_client *client)
{
	struct h2_address *address = &client->addresses[0];
	struct sockaddr_un *un = (struct sockaddr_un *)&address->addr;

	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, client->url.host, strlen(client->url.host) + 1);
	address->len = sizeof(*un);
	client->address_count = 1;
	return 0;
}

int h2_client_resolve(struct h2_client *client)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;

	if (client->url.is_unix)
		return resolve_unix(client);
	if (getaddrinfo(client->url.host, client->url.port, &hints, &list))
		return -ENOENT;
	for (struct addrinfo *entry = list; entry; entry = entry->ai_next) {
		struct h2_address *address = &client->addresses[client->address_count];

		if (client->address_count == H2_ADDRESSES_MAX ||
		    entry->ai_addrlen > sizeof(address->addr))
			break;
		memcpy(&address->addr, entry->ai_addr, entry->ai_addrlen);
		address->len = entry->ai_addrlen;
		client->address_count++;
	}
	freeaddrinfo(list);
	return 0;
}

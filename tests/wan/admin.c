#include "tests/wan/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int address_make(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, strlen(path) + 1);
	return 0;
}

int admin_open(const char *path)
{
	struct sockaddr_un address;
	int fd, error = address_make(path, &address);

	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

void admin_close(int fd, const char *path)
{
	close(fd);
	unlink(path);
}

void admin_turn(int fd, void (*handle)(void *arg, char *command, char *answer, unsigned int size),
		void *arg)
{
	char command[512], answer[ADMIN_TEXT_BYTES];
	struct sockaddr_un peer;
	socklen_t peer_len = sizeof(peer);
	ssize_t len =
		recvfrom(fd, command, sizeof(command) - 1, 0, (struct sockaddr *)&peer, &peer_len);

	if (len < 0)
		return;
	command[len] = 0;
	handle(arg, command, answer, sizeof(answer));
	/* A client that went away gets no answer. */
	(void)sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&peer, peer_len);
}

/* The answer goes to a name in the file system: abstract names end at the network namespace. */
static int exchange(int fd, const struct sockaddr_un *to, const struct sockaddr_un *self,
		    const char *command, char *answer)
{
	struct timeval patience = {.tv_sec = 5};
	ssize_t len;

	if (bind(fd, (const struct sockaddr *)self, sizeof(*self)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
	    send(fd, command, strlen(command), 0) < 0)
		return -errno;
	len = recv(fd, answer, ADMIN_TEXT_BYTES - 1, 0);
	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	answer[len] = 0;
	return 0;
}

static int connect_and_exchange(const char *path, const char *command, char *answer)
{
	struct sockaddr_un address, self;
	char own[sizeof(self.sun_path) + 16];
	int fd, error = address_make(path, &address);

	snprintf(own, sizeof(own), "%s.%d", path, (int)getpid());
	if (!error)
		error = address_make(own, &self);
	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = exchange(fd, &address, &self, command, answer);
	close(fd);
	unlink(own);
	return error;
}

int admin_send(const char *path, const char *command)
{
	char answer[ADMIN_TEXT_BYTES];
	int error = connect_and_exchange(path, command, answer);

	if (error) {
		fprintf(stderr, "causeway-wan: no emulator answers at %s: %s\n", path,
			strerror(-error));
		return 1;
	}
	if (strncmp(answer, "error", 5) == 0) {
		fprintf(stderr, "causeway-wan: %s\n", answer);
		return 1;
	}
	puts(answer);
	return 0;
}

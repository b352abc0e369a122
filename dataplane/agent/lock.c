#include "dataplane/agent/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A gateway that was just killed still holds its locks while the kernel takes it apart. */
#define WAIT_TRIES 100
#define WAIT_US	   20000

static int wait_for(int (*try)(const char *), const char *what)
{
	int fd = try(what);

	for (int i = 0; fd == -EBUSY && i < WAIT_TRIES; i++) {
		usleep(WAIT_US);
		fd = try(what);
	}
	return fd;
}

static int run_dir_try(const char *dir)
{
	char path[512];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return ret;
}

/* An abstract unix address: it lives in the network namespace, as interfaces do. */
static int interface_try(const char *interface)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "causeway-port-%s",
			   interface);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&addr,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)))
		return fd;
	ret = errno == EADDRINUSE ? -EBUSY : -errno;
	close(fd);
	return ret;
}

int lock_run_dir(const char *dir)
{
	return wait_for(run_dir_try, dir);
}

int lock_interface(const char *interface)
{
	return wait_for(interface_try, interface);
}

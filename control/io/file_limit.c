#include "control/io/file_limit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Backups, certificates that are read again, what SQLite and the resolver open. */
#define KEPT_BACK 8

void file_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Numbers are given lowest first. */
static uint32_t open_count(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	close(fd);
	return (uint32_t)fd;
}

uint32_t file_limit_room(void)
{
	uint32_t used = open_count() + KEPT_BACK;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > UINT32_MAX)
		return UINT32_MAX;
	return limit.rlim_cur > used ? (uint32_t)limit.rlim_cur - used : 1;
}

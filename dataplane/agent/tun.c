#include "dataplane/agent/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Inner packets are no larger than a LAN's MTU; the device must not be the one to object. */
#define TUN_MTU 65535

static int interface_up(struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (fd < 0)
		return -errno;
	request->ifr_mtu = TUN_MTU;
	if (ioctl(fd, SIOCSIFMTU, request))
		ret = -errno;
	request->ifr_flags = IFF_UP;
	if (!ret && ioctl(fd, SIOCSIFFLAGS, request))
		ret = -errno;
	close(fd);
	return ret;
}

int tun_open(void)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "causeway%%d");
	ret = ioctl(fd, TUNSETIFF, &request) ? -errno : interface_up(&request);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

void tun_write(int fd, const uint8_t *ip, uint32_t len)
{
	/* A full or refusing device loses the packet, as any interface may. */
	(void)!write(fd, ip, len);
}

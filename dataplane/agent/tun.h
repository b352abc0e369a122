/*
 * A TUN device by which inner packets reach this machine's own kernel: what a path carries to an
 * address of the gateway itself. One way only; answers take the kernel's routes. Agent thread.
 */
#pragma once

#include <stdint.h>

/*
 * A device named causeway0 or the next free number, up, that ends with the descriptor. The
 * descriptor, or -errno.
 */
int tun_open(void);
/* The kernel takes it as received; what it does not take is lost. */
void tun_write(int fd, const uint8_t *ip, uint32_t len);

/*
 * The notify protocol of systemd, sd_notify(3), spoken directly: one datagram to $NOTIFY_SOCKET.
 */
#pragma once

/* E.g. "READY=1". Without a supervisor that listens it does nothing; it never blocks for long. */
void notify_send(const char *state);

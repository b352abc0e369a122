/*
 * What netlink.c (queries) and netlink_events.c (notifications) share. Private to them; agent
 * thread.
 */
#pragma once

#include <libmnl/libmnl.h>

#include "dataplane/agent/netlink.h"

#define RECEIVE_BYTES 32768

struct netlink {
	struct loop *loop;
	struct mnl_socket *requests;
	struct mnl_socket *events;
	struct loop_op watch;
	struct netlink_listener *listeners;
	uint32_t seq;
	enum {
		MANAGE_UNKNOWN,
		MANAGE_YES,
		MANAGE_NO
	} manage;
	char receive[RECEIVE_BYTES] __attribute__((aligned(8)));
};

/* Opens the socket of notifications and watches it on the loop. 0 or -errno. */
int netlink_events_start(struct netlink *netlink);
void netlink_events_stop(struct netlink *netlink);

// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/agent/clsact.h"

#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

struct clsact_dump {
	uint32_t ifindex;
	uint32_t parent;
	uint32_t handle, priority; /* handle 0: count all filters */
	int count;
};

static int on_qdisc(const struct nlmsghdr *message, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct clsact_dump *dump = arg;
	const struct nlattr *attr;

	if ((uint32_t)tc->tcm_ifindex != dump->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    strcmp(mnl_attr_get_str(attr), "clsact") == 0)
			dump->count++;
	}
	return MNL_CB_OK;
}

/* A priority without a filter is listed too, with handle 0. */
static int on_filter(const struct nlmsghdr *message, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct clsact_dump *dump = arg;

	if ((uint32_t)tc->tcm_ifindex != dump->ifindex || !tc->tcm_handle)
		return MNL_CB_OK;
	if (!dump->handle ||
	    (tc->tcm_handle == dump->handle && TC_H_MAJ(tc->tcm_info) >> 16 == dump->priority))
		dump->count++;
	return MNL_CB_OK;
}

static int dump_read(struct mnl_socket *socket, mnl_cb_t on_entry, struct clsact_dump *dump)
{
	char buffer[32768];
	int state = MNL_CB_OK;

	while (state > MNL_CB_STOP) {
		ssize_t bytes = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (bytes < 0)
			return -errno;
		state = mnl_cb_run(buffer, (size_t)bytes, 0, mnl_socket_get_portid(socket),
				   on_entry, dump);
	}
	return state < 0 ? -errno : 0;
}

static int dump_run(struct mnl_socket *socket, uint16_t type, mnl_cb_t on_entry,
		    struct clsact_dump *dump)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(message, sizeof(*tc));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)dump->ifindex;
	tc->tcm_parent = dump->parent;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	return dump_read(socket, on_entry, dump);
}

/* Entries counted, or -errno. */
static int clsact_dump(struct clsact_dump dump, uint16_t type, mnl_cb_t on_entry)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	int error;

	if (!socket)
		return -errno;
	error = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
	if (!error)
		error = dump_run(socket, type, on_entry, &dump);
	mnl_socket_close(socket);
	return error ? error : dump.count;
}

int clsact_exists(uint32_t ifindex)
{
	int count = clsact_dump((struct clsact_dump){.ifindex = ifindex}, RTM_GETQDISC, on_qdisc);

	return count > 0 ? 1 : count;
}

int clsact_filter_count(uint32_t ifindex)
{
	struct clsact_dump dump = {
		.ifindex = ifindex,
		.parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
	};
	int ingress = clsact_dump(dump, RTM_GETTFILTER, on_filter);
	int egress;

	if (ingress < 0)
		return ingress;
	dump.parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	egress = clsact_dump(dump, RTM_GETTFILTER, on_filter);
	return egress < 0 ? egress : ingress + egress;
}

int clsact_has_filter(uint32_t ifindex, uint32_t handle, uint32_t priority)
{
	const struct clsact_dump dump = {
		.ifindex = ifindex,
		.parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.handle = handle,
		.priority = priority,
	};
	int count = clsact_dump(dump, RTM_GETTFILTER, on_filter);

	return count > 0 ? 1 : count;
}

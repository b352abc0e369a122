#include "control/core/nccl.h"

#include <stddef.h>
#include <string.h>

#include "control/core/units.h"

/* A text that is written piece by piece; what does not fit is cut off. */
struct text {
	char *at;
	size_t room; /* with the final 0 */
};

struct list {
	const struct nccl_facts *facts;
	struct nccl_sizes sizes;
	struct nccl_setting *out;
	uint32_t max, count;
	struct nccl_setting spare; /* where settings go that the caller has no room for */
	struct text value, reason; /* of the setting under way */
};

static void add(struct text *text, const char *more)
{
	size_t len = strlen(more);

	if (len >= text->room)
		len = text->room - 1;
	memcpy(text->at, more, len);
	text->at += len;
	text->room -= len;
	*text->at = '\0';
}

static void add_number(struct text *text, uint64_t number)
{
	char digits[21] = {0};
	size_t i = sizeof(digits) - 1;

	do
		digits[--i] = (char)('0' + number % 10);
	while (number /= 10);
	add(text, &digits[i]);
}

static void add_time(struct text *text, uint64_t ns)
{
	char unit[UNITS_TEXT_BYTES] = "";

	units_format_time(ns, unit, sizeof(unit));
	add(text, unit);
}

static void add_size(struct text *text, uint64_t bytes)
{
	char unit[UNITS_TEXT_BYTES] = "";

	units_format_size(bytes, unit, sizeof(unit));
	add(text, unit);
}

static void add_rate(struct text *text, uint64_t bps)
{
	char unit[UNITS_TEXT_BYTES] = "";

	units_format_rate(bps, unit, sizeof(unit));
	add(text, unit);
}

static void begin(struct list *list, enum nccl_scope scope, const char *name)
{
	struct nccl_setting *setting =
		list->count < list->max ? &list->out[list->count] : &list->spare;
	struct text text = {.at = setting->name, .room = sizeof(setting->name)};

	list->count++;
	memset(setting, 0, sizeof(*setting));
	setting->scope = (uint8_t)scope;
	add(&text, name);
	list->value = (struct text){.at = setting->value, .room = sizeof(setting->value)};
	list->reason = (struct text){.at = setting->reason, .room = sizeof(setting->reason)};
}

static void put(struct list *list, enum nccl_scope scope, const char *name, const char *value,
		const char *reason)
{
	begin(list, scope, name);
	add(&list->value, value);
	add(&list->reason, reason);
}

static void put_number(struct list *list, const char *name, uint64_t value)
{
	begin(list, NCCL_SCOPE_JOB, name);
	add_number(&list->value, value);
}

/* "47.7 MiB (paths of up to 10 Gb/s and 40 ms)": what a path keeps on its way. */
static void add_bdp(struct list *list)
{
	add_size(&list->reason, list->facts->bdp_bytes);
	add(&list->reason, " (paths of up to ");
	add_rate(&list->reason, list->facts->rate_bps);
	add(&list->reason, " and ");
	add_time(&list->reason, list->facts->rtt_ns);
	add(&list->reason, ")");
}

static void put_interfaces(struct list *list)
{
	if (!list->facts->interface[0])
		return;
	if (list->sizes.library == NCCL_LIBRARY_NCCL) {
		begin(list, NCCL_SCOPE_JOB, "NCCL_SOCKET_IFNAME");
		add(&list->value, "=");
		add(&list->value, list->facts->interface);
		add(&list->reason, "the interface whose addresses the paths carry; = takes the "
				   "name as it is and not as the beginning of others");
	}
	put(list, NCCL_SCOPE_JOB, "GLOO_SOCKET_IFNAME", list->facts->interface,
	    "the interface whose addresses the paths carry; else Gloo takes the one of the "
	    "host's name, often that of management");
}

static void put_shape(struct list *list)
{
	bool is_alike = list->facts->has_same_nodes;

	if (list->facts->pattern == CLUSTER_RING)
		put(list, NCCL_SCOPE_JOB, "NCCL_ALGO", "Ring",
		    "the cluster's paths are a ring: a tree would send between sites that have no "
		    "path. Number the ranks site by site, in the cluster's ring order");
	put(list, NCCL_SCOPE_JOB, "NCCL_PROTO", "Simple",
	    "LL and LL128 have small fixed buffers, far less than the paths keep on their way, "
	    "and NCCL's choice among them does not know the round trip");
	put(list, NCCL_SCOPE_JOB, "NCCL_CROSS_NIC", is_alike ? "0" : "1",
	    is_alike ? "a ring stays on the same NIC in every node, so that its flows keep to "
		       "one rail up to the gateway"
		     : "the members' nodes differ in their NICs: a ring may have to enter and "
		       "leave a node by different ones");
}

static void put_buffers(struct list *list)
{
	const struct nccl_sizes *sizes = &list->sizes;

	put_number(list, "NCCL_MIN_NCHANNELS", sizes->channels);
	add(&list->reason,
	    "NCCL_BUFFSIZE is reckoned for so many channels, each a flow of its own");
	put_number(list, "NCCL_BUFFSIZE", sizes->buffer_bytes);
	add(&list->reason, "three quarters of all channels' buffers are on their way at once: ");
	add_size(&list->reason, sizes->window_bytes);
	if (sizes->window_bytes < list->facts->bdp_bytes)
		add(&list->reason, ", the most there can be, and less than the paths could keep: ");
	else
		add(&list->reason, ", and the paths keep ");
	add_bdp(list);
	put_number(list, "NCCL_P2P_NET_CHUNKSIZE", sizes->chunk_bytes);
	add(&list->reason, "an eighth of NCCL_BUFFSIZE, of which 8 are in flight: with the default "
			   "of 128 KiB a send between stages would have ");
	add_size(&list->reason, (128u << 10) * 8);
	add(&list->reason, " in a round trip of ");
	add_time(&list->reason, list->facts->rtt_ns);
}

static void put_ib_timeout(struct list *list)
{
	uint64_t timeout = 4096ull << list->sizes.ib_timeout;

	put_number(list, "NCCL_IB_TIMEOUT", list->sizes.ib_timeout);
	add(&list->reason, "4.096 us x 2^");
	add_number(&list->reason, list->sizes.ib_timeout);
	add(&list->reason, " = ");
	add_time(&list->reason, timeout);
	add(&list->reason, timeout < 4 * list->facts->rtt_ns
				   ? ", the longest there is, though less than four round trips of "
				   : ": at least four round trips of ");
	add_time(&list->reason, list->facts->rtt_ns);
	add(&list->reason,
	    ", for gateways repair what the WAN loses, and a NIC that sends it again "
	    "before only adds load");
	put_number(list, "NCCL_IB_RETRY_CNT", 7);
	add(&list->reason,
	    "the most there is: with NCCL_IB_TIMEOUT the job survives an outage of ");
	add_time(&list->reason, 8 * timeout);
}

static void put_rdma(struct list *list)
{
	uint64_t class = (uint64_t)list->facts->dscp << 2;

	put_ib_timeout(list);
	put_number(list, "NCCL_IB_TC", class);
	add(&list->reason, "DSCP ");
	add_number(&list->reason, list->facts->dscp);
	add(&list->reason,
	    " x 4: what this site gives the path's class, so that its switches treat "
	    "it as that class");
	put_number(list, "NCCL_IB_FIFO_TC", class);
	add(&list->reason,
	    "the messages that grant buffers travel with the data: apart from it they "
	    "might miss the path, and each would cost a round trip");
	put_number(list, "NCCL_IB_QPS_PER_CONNECTION", list->sizes.queue_pairs);
	add(&list->reason,
	    "a flow stays on one worker of a gateway: at most 10 Gb/s to a queue pair "
	    "where paths have up to ");
	add_rate(&list->reason, list->facts->rate_bps);
}

static void put_sockets(struct list *list)
{
	put(list, NCCL_SCOPE_JOB, "NCCL_IB_DISABLE", "1",
	    "not all members talk RoCEv2 to other sites: all of them must use TCP, or none");
	put_number(list, "NCCL_SOCKET_NTHREADS", list->sizes.threads);
	add(&list->reason, "one thread for four sockets of a connection");
	put_number(list, "NCCL_NSOCKS_PERTHREAD", list->sizes.sockets / list->sizes.threads);
	add(&list->reason,
	    "at most 5 Gb/s to a socket, about what one core copies, where paths have "
	    "up to ");
	add_rate(&list->reason, list->facts->rate_bps);
}

static void put_tcp(struct list *list)
{
	static const struct {
		const char *name, *least;
	} buffers[] = {
		{"net.ipv4.tcp_rmem", "4096 131072 "},
		{"net.ipv4.tcp_wmem", "4096 16384 "},
	};

	for (uint32_t i = 0; i < 2; i++) {
		begin(list, NCCL_SCOPE_HOST, buffers[i].name);
		add(&list->value, buffers[i].least);
		add_number(&list->value, list->sizes.tcp_bytes);
		add(&list->reason, "half of a socket's buffer is its window; together the sockets "
				   "of a path have to hold ");
		add_bdp(list);
	}
	put(list, NCCL_SCOPE_HOST, "net.ipv4.tcp_slow_start_after_idle", "0",
	    "between two steps the sockets are idle; else each step would begin with a small window "
	    "and take round trips to open it");
	put(list, NCCL_SCOPE_HOST, "net.ipv4.tcp_ecn", "1",
	    "a gateway whose queue grows marks such packets and drops others");
}

uint32_t nccl_settings(const struct nccl_facts *facts, struct nccl_setting *out, uint32_t max)
{
	struct list list = {.facts = facts, .out = out, .max = max};

	nccl_sizes_for(facts, &list.sizes);
	put_interfaces(&list);
	if (list.sizes.library == NCCL_LIBRARY_NCCL) {
		put_shape(&list);
		put_buffers(&list);
	}
	if (list.sizes.library == NCCL_LIBRARY_NCCL && facts->is_rdma) {
		put_rdma(&list);
		return list.count;
	}
	if (list.sizes.library == NCCL_LIBRARY_NCCL)
		put_sockets(&list);
	put_tcp(&list);
	return list.count;
}

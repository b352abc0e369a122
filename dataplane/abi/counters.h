/*
 * The counter pages: one file <run_dir>/<gateway>/counters, mapped by the gateway (read-write) and
 * by tools (read-only).
 *
 * Layout: struct cw_counters_header, then arrays at the offsets that it names. Each worker writes
 * its own blocks with plain 64-bit stores and nobody else writes them; the agent writes the header,
 * names and facts. A reader may see one counter newer than another, never a torn one. A slot whose
 * name starts with 0 is free. A slot's `epoch` counts its re-use: sums over workers count only
 * blocks that bear the slot's present one.
 */
#pragma once

#include <stdint.h>

#include "dataplane/abi/drop.h"
#include "dataplane/abi/verdict.h"

#define CW_COUNTERS_MAGIC   0x3153544e55435743ull /* "CWCUNTS1" */
#define CW_COUNTERS_VERSION 2
#define CW_LINKS	    256 /* slots by link number; 0 is none */
#define CW_NAME_BYTES	    64

struct cw_counters_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_bytes;
	uint32_t file_bytes;
	uint32_t workers;
	uint32_t ports;
	uint32_t paths; /* slots, used or not */
	/* Byte offsets from the start of the file, and the distance from one entry to the next. */
	uint32_t worker_offset, worker_stride;
	uint32_t port_offset, port_stride; /* struct cw_port_facts [ports] */
	uint32_t path_offset, path_stride; /* struct cw_path_facts [paths] */
	uint32_t port_count_offset,
		port_count_stride; /* struct cw_port_counters [workers][ports] */
	uint32_t path_count_offset,
		path_count_stride;	   /* struct cw_path_counters [workers][paths] */
	uint32_t link_offset, link_stride; /* struct cw_link_counters [workers][CW_LINKS] */
	uint32_t drop_names;		   /* DROP_COUNT of the writer */
	uint32_t kernel_reasons;
	uint64_t tsc_hz;
	uint64_t start_ns; /* CLOCK_REALTIME */
	uint64_t boot;	   /* restart count of this gateway */
	uint64_t pid;
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, by the agent, each 100 ms */
	uint64_t pad[4];
	char gateway[CW_NAME_BYTES];
	char version_text[CW_NAME_BYTES];
};
_Static_assert(sizeof(struct cw_counters_header) == 288, "counter ABI");

struct cw_worker_counters {  /* written by that worker */
	uint64_t turns;	     /* loop turns */
	uint64_t busy_turns; /* turns that moved at least one packet */
	uint64_t busy_tsc;   /* time in busy turns */
	uint64_t idle_tsc;   /* time in empty turns and sleeps */
	uint64_t sleeps;
	uint64_t handoff_tx; /* packets passed to another worker */
	uint64_t handoff_rx;
	uint64_t commands;
	uint64_t adj_entries; /* resolved and pending next hops */
	uint64_t class_out_packets[CLASS_COUNT];
	uint64_t class_out_bytes[CLASS_COUNT];
	uint64_t class_in_packets[CLASS_COUNT];
	uint64_t class_in_bytes[CLASS_COUNT];
	uint64_t pad[7];
};
_Static_assert(sizeof(struct cw_worker_counters) == 384, "counter ABI");

enum cw_port_role {
	CW_PORT_LAN = 1,
	CW_PORT_WAN = 2
};

struct cw_port_facts { /* written by the agent */
	char name[CW_NAME_BYTES];
	char mode[16]; /* "xdp", "packet", "ethdev" */
	uint32_t role; /* enum cw_port_role */
	uint32_t mtu;
	uint64_t speed_bps; /* 0: unknown */
	uint64_t link_up;
	/* What the driver or the kernel lost before or behind us, read each second. */
	uint64_t missed; /* frames lost ahead of the worker: ring or fill queue empty */
	uint64_t rx_errors;
	uint64_t tx_errors;
	uint64_t kernel_dropped; /* xdp mode: tunnel packets that found no AF_XDP socket */
	uint64_t kernel_passed[KERNEL_REASON_SLOTS]; /* xdp mode: left to the kernel, by reason */
	uint64_t kernel_blocked; /* xdp mode: kept in the kernel from leaving in clear */
	uint64_t pad[2];
};
_Static_assert(sizeof(struct cw_port_facts) == 288, "counter ABI");

struct cw_port_counters {	       /* [worker][port], written by that worker */
	uint64_t rx_packets, rx_bytes; /* frames taken from the driver */
	uint64_t tx_packets, tx_bytes; /* frames that the driver took */
	uint64_t claimed;	       /* LAN: frames of a path */
	uint64_t tunnel;	       /* WAN: frames for our UDP ports */
	uint64_t to_kernel;	       /* left to the kernel: exception port, or its own copy */
	uint64_t from_kernel;	       /* ethdev: frames that the exception port sent out here */
	uint64_t tx_queue;	       /* frames waiting for the driver now */
	uint64_t kernel_reason[KERNEL_REASON_SLOTS];
	uint64_t drop[DROP_SLOTS]; /* frames that belong to no path */
	/* Flow control with the LAN, all priorities together; but for CNPs worker 0 counts alone.
	 */
	uint64_t pfc_sent, pfc_received;	 /* frames */
	uint64_t pauses_sent, pause_sent_ns;	 /* of our senders */
	uint64_t pauses_obeyed, pause_obeyed_ns; /* of what we deliver */
	uint64_t storms;			 /* of both that lasted too long */
	uint64_t cnp_sent;
	uint64_t pad[7];
};
_Static_assert(sizeof(struct cw_port_counters) == 832, "counter ABI");

struct cw_path_facts { /* written by the agent */
	char name[CW_NAME_BYTES];
	uint32_t path_id;
	uint32_t epoch; /* of this slot: see the top */
	uint32_t generation;
	uint32_t phase; /* enum intent_phase */
	uint64_t rate_bps;
	uint64_t rtt_ns; /* last probe, 0 before the first */
	uint64_t proved; /* a probe of this generation came back */
	char peer[CW_NAME_BYTES];
	uint32_t link; /* number: index of its struct cw_link_counters */
	uint32_t pad;
	uint64_t max_bps; /* shaped to */
	/* Packet buffers over all workers: what it may fill, and what it would like to. */
	uint64_t retain_granted, retain_wanted; /* for what is unacknowledged */
	uint64_t hold_granted, hold_wanted;	/* for what waits at this end, received */
};
_Static_assert(sizeof(struct cw_path_facts) == 216, "counter ABI");

/*
 * One direction of one path in one worker. Conservation: rx = tx + held + sum(drop). What goes out
 * stays held until the far gateway has acknowledged it, and counts as tx from then on.
 */
struct cw_flow_counters {
	uint64_t rx_packets, rx_bytes; /* inner packets that entered */
	uint64_t tx_packets, tx_bytes; /* inner packets that left */
	uint64_t held_packets; /* inside now: queue, open aggregate, unacknowledged; or waiting for
				  an older one, for the LAN, for a next hop */
	uint64_t held_bytes;
	uint64_t outer_packets, outer_bytes; /* tunnel packets, sent or received */
	uint64_t fragments;		     /* DATA frames that carried a part of a packet */
	uint64_t ce_marked;
	uint64_t drop[DROP_SLOTS];
};

/*
 * The reliable transport of one path in one worker, over its lanes: tunnel.h says what each
 * counts. Gauges are marked; the others only grow. Published once per millisecond or so.
 */
struct cw_lane_counters {
	uint64_t sequenced, resent, lost, spurious, acked;
	uint64_t acks_sent, acks_received, acks_invalid;
	uint64_t pings_sent, pings_received, pings_invalid;
	uint64_t received, duplicates, refused, disordered, replayed, reordered, delivered;
	uint64_t retained_packets, retained_bytes; /* gauges: unacknowledged DATA frames */
	uint64_t retain_packets_max, retain_bytes_max;
	uint64_t waiting_packets, waiting_bytes; /* gauges: DATA frames held by the receiver */
	uint64_t waiting_packets_max, waiting_bytes_max;
	uint64_t reorder_depth, reorder_depth_max; /* gauge, in sequences; and its highest value */
	uint64_t reorder_window_ns;		   /* gauge */
	uint64_t rtt_ns, rtt_min_ns;		   /* gauges; 0 before the first sample */
	uint64_t queue_us; /* gauge: one-way delay above its least, as the far end measures it */
	/* Time during which something waited in the queue, and why it did. */
	uint64_t stall_credit_ns, stall_window_ns, stall_key_ns, stall_pace_ns;
	uint64_t pause_ns; /* time during which the LAN took nothing that was ready for it */
	uint64_t key_phase, keys_installed;
	uint64_t pad[3];
};
_Static_assert(sizeof(struct cw_lane_counters) == 42 * 8, "counter ABI");

/* One link in one worker. */
struct cw_link_counters {
	uint64_t tx_packets, tx_bytes; /* with 24 bytes of framing each, as the pacer charges */
	uint64_t rx_packets, rx_bytes;
	uint64_t nominal_bps, rate_bps; /* this worker's share; gauges */
	uint64_t lowered;		/* gauge: 1 while the rate is below nominal */
	uint64_t lowered_count;
	uint64_t rtt_ns, rtt_min_ns, queue_us; /* gauges, of the path heard last */
	uint64_t lost, resent;
	uint64_t pad[3];
};
_Static_assert(sizeof(struct cw_link_counters) == 128, "counter ABI");

struct cw_path_counters { /* [worker][path], written by that worker */
	uint64_t epoch;
	uint64_t pad;
	struct cw_flow_counters out; /* LAN to WAN */
	struct cw_flow_counters in;  /* WAN to LAN */
	struct cw_lane_counters lane;
};
_Static_assert(sizeof(struct cw_path_counters) == 16 + (2 * (10 + DROP_SLOTS) + 42) * 8,
	       "counter ABI");

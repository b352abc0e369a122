/*
 * Why a packet died. One list for the data plane, the counter pages and the tools that read them.
 *
 * A packet that a worker frees without sending it is counted under exactly one of these. The
 * numbers are ABI (see counters.h): append, never reorder.
 */
#pragma once

/* X(symbol, "name in JSON and tables", "what the operator should know") */
#define DROP_REASONS(X)                                                                            \
	X(DROP_MALFORMED, "malformed",                                                             \
	  "headers or lengths of an inner packet contradict each other")                           \
	X(DROP_STALE_HANDLE, "stale_handle", "claimed for a path that is gone")                    \
	X(DROP_SPOOFED, "spoofed", "inner address outside the path's selectors")                   \
	X(DROP_TTL, "ttl", "inner TTL or hop limit used up")                                       \
	X(DROP_TOO_BIG, "too_big", "inner packet larger than the far LAN or the tunnel can carry") \
	X(DROP_QUEUE_FULL, "queue_full", "path queue full: more offered than the path's rate")     \
	X(DROP_NO_BUFFER, "no_buffer", "buffer pool empty")                                        \
	X(DROP_TX_FULL, "tx_full", "port did not take the frame in time")                          \
	X(DROP_NO_ROUTE, "no_route", "kernel has no route to the address")                         \
	X(DROP_NO_NEIGHBOUR, "no_neighbour", "kernel could not resolve the next hop")              \
	X(DROP_NEIGHBOUR_QUEUE, "neighbour_queue", "too many packets wait for the next hop")       \
	X(DROP_OUTER_MALFORMED, "outer_malformed",                                                 \
	  "outer or clear header of a tunnel packet is wrong")                                     \
	X(DROP_VERSION, "version", "tunnel packet of an unknown version or type")                  \
	X(DROP_NO_PATH, "no_path", "tunnel packet for a path unknown here")                        \
	X(DROP_BAD_PEER, "bad_peer", "tunnel packet not from the path's peer address")             \
	X(DROP_BAD_LANE, "bad_lane", "tunnel packet for a lane that does not exist here")          \
	X(DROP_AUTH, "auth", "tunnel packet failed authentication")                                \
	X(DROP_REPLAY, "replay", "tunnel packet that had come before, or too old to tell")         \
	X(DROP_NO_KEY, "no_key", "tunnel packet under a key that is not in force here")            \
	X(DROP_FRAME, "frame", "frame inside a tunnel packet is malformed")                        \
	X(DROP_FRAGMENT, "fragment", "tunnel fragment contradicts its siblings")                   \
	X(DROP_PEER_RESTART, "peer_restart",                                                       \
	  "not acknowledged, or incomplete, when the far gateway began a new life")                \
	X(DROP_ECN, "ecn", "outer CE on a packet whose inner is Not-ECT (RFC 6040)")               \
	X(DROP_HANDOFF, "handoff", "ring to the worker that owns the lane is full")                \
	X(DROP_EXCEPTION, "exception",                                                             \
	  "the way into this machine's kernel (exception port, TUN device) did not take it")       \
	X(DROP_SEGMENTED, "segmented", "driver handed over a multi-segment frame")                 \
	X(DROP_SHUTDOWN, "shutdown", "still held when the path or the gateway went away")          \
	X(DROP_BLOCKED, "blocked",                                                                 \
	  "of a path with when_down block that nothing carries now: kept from leaving in clear")   \
	X(DROP_QUEUE_TCP, "queue_tcp",                                                             \
	  "TCP without ECN, told of a standing queue by an early drop")                            \
	X(DROP_PAUSE_STORM, "pause_storm",                                                         \
	  "ready for a LAN that has paused its priority for more than 100 ms")

#define DROP_ENUM(symbol, name, help) symbol,
enum drop {
	DROP_REASONS(DROP_ENUM) DROP_COUNT
};
#undef DROP_ENUM

/* Slots in the counter pages; room for later reasons without a new ABI version. */
#define DROP_SLOTS 64
_Static_assert(DROP_COUNT <= DROP_SLOTS, "enlarge DROP_SLOTS and the counter ABI version");

/* "malformed", "spoofed", ...; NULL outside the list. */
const char *drop_name(unsigned int drop);
const char *drop_help(unsigned int drop);

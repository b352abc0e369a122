/*
 * Congestion notification packets (CNP) made near the sender of RoCEv2 traffic, so that it slows
 * down after a LAN's round trip and not after the WAN's. Which queue pair (QP) sends is inferred;
 * the memory is the caller's. Pure; each table owned by one worker.
 *
 * What is known and what is inferred. A packet names only the QP that receives it. The QP of its
 * sender must be found among those that the far host addresses; nothing on the wire says which of
 * them belongs to which flow. What links them: a response (ACK, NAK, read response) carries the PSN
 * of the request that it answers. So for each pair of hosts the table keeps, in both directions,
 * the QPs addressed and the range of request PSNs that each was sent lately (one or two
 * CNP_EPOCH_NS). A response to QP q with PSN p can answer only a QP of the other direction whose
 * range holds p; the others are struck off q's candidates, until they begin anew. q is linked to QP
 * f when
 *   - f is the only candidate left, CNP_VOTES responses with different PSNs fit its range, no other
 *     unlinked QP has a vote for it, and no QP of the pair had to be left out (table full); or
 *   - two responses fit and the UDP source port is what Linux drivers compute from f and q
 *     (roce_linux_port), and no other candidate's fits: 14 bits of evidence.
 * A response to what f was not sent breaks the link; so do a PSN that jumps (the QP's
 * number was used again) and CNP_IDLE_NS without a packet when room is needed.
 *
 * What follows, and what does not:
 * - cnp_ask gives one QPN at most each CNP_GAP_NS per flow, and only for a linked flow. Without
 *   a link nothing is sent: CE has to do.
 * - Hosts that drive many QPs with the same PSNs (NCCL starts all at 0) stay ambiguous for as long
 *   as these keep in step: one's response must reach a PSN that the other has not used yet. Until
 *   then, unless their ports are the drivers', such flows get no CNP.
 * - Unreliable connections and datagrams send no responses: never linked.
 * - The evidence is the traffic that this table saw. When the responses of a flow come by another
 *   worker it is never linked; when the other direction shows only some of the QPs of hosts that
 *   work in step, a wrong link is possible until a response contradicts it. The harm is then that
 *   another QP of the same host is slowed down; a CNP changes nothing else, and a host ignores one
 *   for a QP that it does not have.
 * - A host inside the path can forge all of this, about QPs of its own address pair only.
 *
 * Sources: InfiniBand Architecture annex A17.9 (CNP), DCQCN (SIGCOMM 2015: one CNP per flow and
 * 50 us).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/inner.h"
#include "dataplane/core/roce.h"

#define CNP_GAP_NS	50000ull
#define CNP_IDLE_NS	1000000000ull /* then its place may be taken */
#define CNP_EPOCH_NS	200000000ull  /* a response comes within one or two of these */
#define CNP_QPS		16	      /* for each direction of a pair of hosts */
#define CNP_WAYS	4	      /* pairs that share a hash */
#define CNP_VOTES	4
#define CNP_PSN_JUMP	(1 << 20) /* further than this from the last request: a new connection */
#define CNP_DSCP	48
#define CNP_FRAME_BYTES 94 /* at most: Ethernet, IPv6, UDP, BTH, 16 reserved, ICRC */

enum cnp_side {	     /* which way packets go: to the QP of a host there */
	CNP_TO_FAR,  /* claimed from our LAN */
	CNP_TO_NEAR, /* delivered to our LAN */
};

struct cnp_qp {
	uint64_t seen_ns;
	uint64_t told_ns;   /* last CNP to the sender */
	uint32_t peer_qpn;  /* the sender's QP; 0: not known */
	uint32_t first_psn; /* of the requests to it, if has_requests */
	uint32_t newest_psn;
	uint32_t epoch_psn;		       /* newest as this epoch began */
	uint64_t began_ns, epoch_ns, asked_ns; /* asked: its last request */
	uint32_t voted_psn;
	uint16_t candidates; /* of the other side; bit per slot */
	uint16_t port;	     /* UDP source port of what goes to it */
	uint8_t votes, port_votes;
	uint8_t peer; /* slot on the other side, if peer_qpn */
	bool has_requests, was_told;
};

struct cnp_pair {
	struct ip_addr near, far;
	uint64_t seen_ns;
	uint64_t crowded_ns; /* when a QP found no place, if is_crowded */
	bool is_used, is_crowded;
	uint16_t used[2]; /* [enum cnp_side] bit per slot */
	uint16_t linked[2];
	uint32_t qpns[2][CNP_QPS];
	struct cnp_qp qps[2][CNP_QPS];
};

struct cnp {
	struct cnp_pair *pairs;
	uint32_t mask;
	uint64_t links, broken;		 /* links made, and found wrong */
	uint64_t crowded, evicted_pairs; /* packets without a place; pairs that gave theirs */
	uint64_t sent, held, unknown;	 /* answers of cnp_ask */
};

enum cnp_answer {
	CNP_UNKNOWN, /* sender's QP not known: mark the packet */
	CNP_HELD,    /* the sender was told less than CNP_GAP_NS ago */
	CNP_SEND,    /* build one for *qpn and send it to the LAN */
};

/* pair_count: a power of two, at least CNP_WAYS; pairs need not be zeroed. 0 or -EINVAL. */
int cnp_init(struct cnp *c, struct cnp_pair *pairs, uint32_t pair_count);

/*
 * Learns from one packet that roce_parse accepted; every one, before it is queued or dropped. At
 * most CNP_WAYS pairs and CNP_QPS QPs are looked at. Returns the entry of the QP that it goes to,
 * valid until the next call; NULL when nothing is kept of it.
 */
struct cnp_qp *cnp_on_packet(struct cnp *c, enum cnp_side side, const struct inner *inner,
			     const struct roce *roce, uint64_t now);

/* The packet of this entry (NULL: unknown) met congestion: who is to be told? */
enum cnp_answer cnp_ask(struct cnp *c, struct cnp_qp *qp, const struct roce *roce, uint64_t now,
			uint32_t *qpn);

struct cnp_order {
	uint8_t dst_mac[6]; /* source of the frame that met congestion */
	uint8_t src_mac[6]; /* of our LAN port */
	struct ip_addr src; /* destination of the inner packet: hosts look at it */
	struct ip_addr dst; /* source of the inner packet; the same family */
	uint32_t qpn;
	uint16_t pkey;	   /* of the packet */
	uint16_t src_port; /* of the packet: any will do */
};

/*
 * Writes the frame and returns its length, at most CNP_FRAME_BYTES; 0 when the families differ.
 * BECN set, PSN 0. ECT(0) as ConnectX NICs send it: no one answers a mark on a CNP, and a switch
 * that would drop a Not-ECT packet early leaves it alone. UDP checksum 0, as RoCEv2 allows.
 */
uint32_t cnp_build(uint8_t *dst, const struct cnp_order *order);

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/core/cnp.h"
#include "dataplane/core/icrc.h"
#include "tests/unit/dataplane/roce_sample.h"

#define PAIRS	 64
#define WRITE	 0x07 /* RDMA WRITE middle */
#define READ	 0x0c
#define RESPONSE 0x0e
#define PORT	 50000 /* no driver's */

struct world {
	struct cnp cnp;
	struct cnp_pair pairs[PAIRS];
	uint64_t now;
	uint8_t near_last; /* last byte of the near host's address */
};

static void world_init(struct world *w)
{
	memset(w, 0xa5, sizeof(*w)); /* pairs need not be zeroed */
	w->now = UINT64_MAX - 3 * CNP_IDLE_NS;
	w->near_last = 1;
	assert_int_equal(cnp_init(&w->cnp, w->pairs, PAIRS), 0);
}

/* One packet as the gateway of the near host sees it; its entry. */
static struct cnp_qp *packet(struct world *w, enum cnp_side side, uint8_t opcode, uint32_t qpn,
			     uint32_t psn, uint16_t port, struct roce *roce)
{
	uint8_t ip[ROCE_SAMPLE_BYTES];
	uint32_t len = roce_sample_make(ip, side == CNP_TO_NEAR, opcode, qpn, psn, port);
	struct inner inner;
	enum drop why;

	if (opcode == READ)
		bytes_store32(ip + 52, 100 * 256 - 1); /* 100 answers at most */
	assert_true(inner_parse(ip, len, &inner, &why));
	if (side == CNP_TO_FAR)
		inner.src.bytes[15] = w->near_last;
	else
		inner.dst.bytes[15] = w->near_last;
	assert_true(roce_parse(ip, &inner, roce));
	w->now += 100;
	return cnp_on_packet(&w->cnp, side, &inner, roce, w->now);
}

static void data(struct world *w, uint32_t qpn, uint32_t psn)
{
	struct roce roce;

	packet(w, CNP_TO_FAR, WRITE, qpn, psn & ROCE_PSN_MASK, PORT, &roce);
}

static void ack(struct world *w, uint32_t qpn, uint32_t psn)
{
	struct roce roce;

	packet(w, CNP_TO_NEAR, ROCE_ACK, qpn, psn & ROCE_PSN_MASK, PORT, &roce);
}

/* The QPN that a CNP about data to `qpn` would go to; 0: none. */
static uint32_t asked(struct world *w, uint32_t qpn, uint32_t psn)
{
	struct roce roce;
	struct cnp_qp *qp = packet(w, CNP_TO_FAR, WRITE, qpn, psn & ROCE_PSN_MASK, PORT, &roce);
	uint32_t found = 0;

	w->now += CNP_GAP_NS;
	return cnp_ask(&w->cnp, qp, &roce, w->now, &found) == CNP_SEND ? found : 0;
}

static void cnp_init__refuses(void **state)
{
	struct cnp_pair pairs[CNP_WAYS];
	struct cnp c;

	(void)state;
	assert_int_equal(cnp_init(&c, pairs, 0), -EINVAL);
	assert_int_equal(cnp_init(&c, pairs, 2), -EINVAL);
	assert_int_equal(cnp_init(&c, pairs, 12), -EINVAL);
	assert_int_equal(cnp_init(&c, pairs, 4), 0);
}

/* One flow each way: four acknowledgements of what was sent, from any first PSN. */
static void cnp_on_packet__one_flow(void **state)
{
	static const uint32_t starts[] = {0, 1000, 0xfffffc, 0x7fffff};

	(void)state;
	for (uint32_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		struct world w;

		world_init(&w);
		for (uint32_t i = 0; i < 10; i++)
			data(&w, 0x22, starts[s] + i);
		for (uint32_t i = 0; i < CNP_VOTES; i++) {
			assert_int_equal(asked(&w, 0x22, starts[s] + 9), 0);
			ack(&w, 0x11, starts[s] + i);
			ack(&w, 0x11, starts[s] + i); /* the same again says nothing */
		}
		assert_int_equal(asked(&w, 0x22, starts[s] + 9), 0x11);
		assert_int_equal(w.cnp.links, 1);
	}
}

/* Acknowledgements of requests that were never seen are no evidence. */
static void cnp_on_packet__what_was_not_sent(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 10; i++)
		data(&w, 0x22, 1000 + i);
	for (uint32_t i = 0; i < 50; i++)
		ack(&w, 0x11, 1010 + i); /* ahead */
	for (uint32_t i = 0; i < 50; i++)
		ack(&w, 0x11, 900 + i); /* before we looked */
	assert_int_equal(asked(&w, 0x22, 1009), 0);
	assert_int_equal(w.cnp.links, 0);
}

/* Random first PSNs, as most applications choose: no doubt from the first ACKs on. */
static void cnp_on_packet__eight_flows(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 40; i++) {
		for (uint32_t q = 0; q < 8; q++)
			data(&w, 0x200 + q, 0x1fffff * q + i);
		for (uint32_t q = 0; q < 8 && i >= 10; q++)
			ack(&w, 0x100 + (q * 5 + 3) % 8, 0x1fffff * q + i - 10);
	}
	for (uint32_t q = 0; q < 8; q++)
		assert_int_equal(asked(&w, 0x200 + q, 0x1fffff * q + 39), 0x100 + (q * 5 + 3) % 8);
	assert_int_equal(w.cnp.broken, 0);
}

/* All from 0 and in step: nobody can tell them apart, so nothing is said. Then one gets ahead. */
static void cnp_on_packet__in_step(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 500; i++) {
		for (uint32_t q = 0; q < 2; q++)
			data(&w, 0x20 + q, i);
		for (uint32_t q = 0; q < 2 && i; q++)
			ack(&w, 0x10 + q, i - 1);
	}
	assert_int_equal(asked(&w, 0x20, 499), 0);
	assert_int_equal(asked(&w, 0x21, 499), 0);
	for (uint32_t i = 500; i < 600; i++) {
		data(&w, 0x21, i);
		if (i > 501)
			ack(&w, 0x10, i - 2);
	}
	assert_int_equal(asked(&w, 0x21, 599), 0x10);
	/* The other one is left over. */
	for (uint32_t i = 500; i < 510; i++) {
		data(&w, 0x20, i);
		ack(&w, 0x11, i);
	}
	assert_int_equal(asked(&w, 0x20, 509), 0x11);
	assert_int_equal(w.cnp.broken, 0);
}

/* In step as well, but with the drivers' source ports. */
static void cnp_on_packet__by_port(void **state)
{
	struct world w;
	struct roce roce;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 10; i++) {
		for (uint32_t q = 0; q < 4; q++)
			packet(&w, CNP_TO_FAR, WRITE, 0x5000 + 77 * q, i,
			       roce_linux_port(0x5000 + 77 * q, 0x9001 + 13 * q), &roce);
		for (uint32_t q = 0; q < 4 && i > 7; q++)
			ack(&w, 0x9001 + 13 * q, i);
	}
	for (uint32_t q = 0; q < 4; q++)
		assert_int_equal(asked(&w, 0x5000 + 77 * q, 9), 0x9001 + 13 * q);
}

/* The near host answers reads: its data are responses, and the far host's requests lead to it. */
static void cnp_on_packet__read_responses(void **state)
{
	struct world w;
	struct roce roce;
	struct cnp_qp *qp = NULL;
	uint32_t qpn = 0;

	(void)state;
	world_init(&w);
	packet(&w, CNP_TO_NEAR, READ, 0x11, 5000, PORT, &roce);
	for (uint32_t i = 0; i < 100; i++)
		qp = packet(&w, CNP_TO_FAR, RESPONSE, 0x22, 5000 + i, PORT, &roce);
	assert_int_equal(cnp_ask(&w.cnp, qp, &roce, w.now, &qpn), CNP_SEND);
	assert_int_equal(qpn, 0x11);
}

/* A link that a response contradicts is broken and learned anew; so is one whose QP starts over. */
static void cnp_on_packet__unlearns(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 20; i++) {
		data(&w, 0x22, i);
		ack(&w, 0x11, i);
	}
	assert_int_equal(asked(&w, 0x22, 19), 0x11);
	ack(&w, 0x11, 500000); /* what 0x22 never got */
	assert_int_equal(asked(&w, 0x22, 19), 0);
	assert_int_equal(w.cnp.broken, 1);
	for (uint32_t i = 20; i < 40; i++) {
		data(&w, 0x22, i);
		ack(&w, 0x11, i);
	}
	assert_int_equal(asked(&w, 0x22, 39), 0x11);
	/* The connection ends; the same number gets another one, to another QP. */
	for (uint32_t i = 0; i < 20; i++) {
		data(&w, 0x22, 0x700000 + i);
		ack(&w, 0x12, 0x700000 + i);
	}
	assert_int_equal(asked(&w, 0x22, 0x700000 + 19), 0x12);
}

/* Long-lived flows: their ranges do not grow over the whole circle of PSNs, so a new flow is told
 * apart from them however far they have come. */
static void cnp_on_packet__old_flows_stay_narrow(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 3000; i++) {
		w.now += 1000000;
		for (uint32_t q = 0; q < 8; q++)
			data(&w, 0x200 + q, 0x200000 * q + i * 1000);
	}
	for (uint32_t i = 0; i < 10; i++) {
		data(&w, 0x300, 1000000 + i); /* inside what 0x200 sent, two seconds ago */
		ack(&w, 0x100, 1000000 + i);
	}
	assert_int_equal(asked(&w, 0x300, 1000009), 0x100);
}

/* More QPs than places: nothing is inferred by exclusion; idle ones give way. */
static void cnp_on_packet__crowded(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 20; i++) {
		for (uint32_t q = 0; q < CNP_QPS + 4; q++)
			data(&w, 0x200 + q, 0xc0000 * q + i);
		ack(&w, 0x100, i);
	}
	assert_true(w.cnp.crowded > 0);
	assert_int_equal(asked(&w, 0x200, 19), 0);
	w.now += 2 * CNP_IDLE_NS;
	for (uint32_t i = 20; i < 40; i++) {
		data(&w, 0x200, i);
		ack(&w, 0x100, i);
	}
	assert_int_equal(asked(&w, 0x200, 39), 0x100);
	w.now += 2 * CNP_IDLE_NS;
	for (uint32_t i = 0; i < 10; i++) { /* takes an idle place, not 0x200's */
		data(&w, 0x300, 0x900000 + i);
		data(&w, 0x200, 40 + i);
		ack(&w, 0x101, 0x900000 + i);
	}
	assert_int_equal(asked(&w, 0x300, 0x900009), 0x101);
	assert_int_equal(asked(&w, 0x200, 49), 0x100);
}

/* Memory stays what it is whoever talks to whom. */
static void cnp_on_packet__many_pairs(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t host = 0; host < 250; host++) {
			w.near_last = (uint8_t)host;
			data(&w, 0x22, round);
			ack(&w, 0x11, round);
		}
	}
	assert_true(w.cnp.evicted_pairs > 0);
}

static void cnp_on_packet__ignores(void **state)
{
	struct world w;
	struct roce roce;
	uint32_t qpn;

	(void)state;
	world_init(&w);
	assert_null(packet(&w, CNP_TO_FAR, WRITE, 1, 0, PORT, &roce)); /* management */
	assert_null(packet(&w, CNP_TO_NEAR, ROCE_CNP, 0x11, 0, PORT, &roce));
	assert_null(packet(&w, CNP_TO_FAR, 0x24, 0x22, 0, PORT, &roce)); /* unreliable */
	assert_int_equal(cnp_ask(&w.cnp, NULL, &roce, w.now, &qpn), CNP_UNKNOWN);
}

/* One in 50 us and flow; ACKs have nothing to slow down. */
static void cnp_ask__gap(void **state)
{
	struct world w;
	struct roce roce;
	struct cnp_qp *qp;
	uint32_t qpn = 0, sent = 0;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < 10; i++) {
		data(&w, 0x22, i);
		ack(&w, 0x11, i);
	}
	qp = packet(&w, CNP_TO_FAR, WRITE, 0x22, 10, PORT, &roce);
	for (uint32_t i = 0; i < 1000; i++)
		sent += cnp_ask(&w.cnp, qp, &roce, w.now + i * 1000, &qpn) == CNP_SEND;
	assert_int_equal(sent, 20);
	assert_int_equal(w.cnp.held, 980);
	qp = packet(&w, CNP_TO_FAR, ROCE_ACK, 0x22, 0, PORT, &roce);
	assert_int_equal(cnp_ask(&w.cnp, qp, &roce, w.now + CNP_GAP_NS * 100, &qpn), CNP_UNKNOWN);
}

static void cnp_build__ipv4(void **state)
{
	static const uint8_t near[4] = {10, 0, 0, 1}, far[4] = {10, 9, 0, 2};
	static const uint8_t expected[] =
		{
			2,    0,    0,	  0,	0,    7,    2,	  0,	0,  0,
			0,    9,    0x08, 0x00, /* Ethernet */
			0x45, 0xc2, 0,	  60,	0,    0,    0x40, 0,	64, 17,
			0x25, 0xe5, 10,	  9,	0,    2,    10,	  0,	0,  1,
			0xd0, 0x01, 0x12, 0xb7, 0,    40,   0,	  0, /* UDP */
			0x81, 0,    0x12, 0x34, 0x40, 0xab, 0xcd, 0xef, 0,  0,
			0,    0, /* BTH */
		};
	struct cnp_order order = {.dst_mac = {2, 0, 0, 0, 0, 7},
				  .src_mac = {2, 0, 0, 0, 0, 9},
				  .qpn = 0xabcdef,
				  .pkey = 0x1234,
				  .src_port = 0xd001};
	uint8_t frame[CNP_FRAME_BYTES];
	struct inner inner;
	struct roce roce;
	enum drop why;

	(void)state;
	order.src = ip_addr_from_v4(far);
	order.dst = ip_addr_from_v4(near);
	memset(frame, 0xee, sizeof(frame));
	assert_int_equal(cnp_build(frame, &order), 74);
	bytes_store16(frame + 24, bytes_load16(expected + 24)); /* the checksum is proved below */
	assert_memory_equal(frame, expected, sizeof(expected));
	for (uint32_t i = sizeof(expected); i < 70; i++)
		assert_int_equal(frame[i], 0);
	cnp_build(frame, &order);
	assert_true(icrc_is_right(frame + 14, 60));
	assert_true(inner_parse(frame + 14, 60, &inner, &why));
	assert_int_equal(inner.dscp, CNP_DSCP);
	assert_true(roce_parse(frame + 14, &inner, &roce));
	assert_int_equal(roce.kind, ROCE_KIND_CNP);
	assert_int_equal(roce.dest_qpn, 0xabcdef);
}

/* The captured CNP, built from its own fields: same ICRC but for the IP identification. */
static void cnp_build__as_hardware(void **state)
{
	struct cnp_order order = {.qpn = 0x118, .pkey = 0xffff};
	uint8_t frame[CNP_FRAME_BYTES];

	(void)state;
	order.src = ip_addr_from_v4(roce_sample_cnp + 12);
	order.dst = ip_addr_from_v4(roce_sample_cnp + 16);
	assert_int_equal(cnp_build(frame, &order), 14 + sizeof(roce_sample_cnp));
	memcpy(frame + 14 + 4, roce_sample_cnp + 4, 2);
	memcpy(frame + 14 + 10, roce_sample_cnp + 10, 2);
	assert_true(icrc_write(frame + 14, sizeof(roce_sample_cnp)));
	assert_memory_equal(frame + 14, roce_sample_cnp, sizeof(roce_sample_cnp));
}

static void cnp_build__ipv6(void **state)
{
	struct cnp_order order = {.qpn = 0x118, .pkey = 0xffff};
	uint8_t frame[CNP_FRAME_BYTES];
	struct inner inner;
	struct roce roce;
	enum drop why;

	(void)state;
	assert_int_equal(ip_addr_parse("2001:db8::1", &order.src), 0);
	assert_int_equal(ip_addr_parse("2001:db8:1::2", &order.dst), 0);
	assert_int_equal(cnp_build(frame, &order), 94);
	assert_int_equal(bytes_load16(frame + 12), ETHER_TYPE_IPV6);
	assert_true(inner_parse(frame + 14, 80, &inner, &why));
	assert_true(ip_addr_equal(&inner.src, &order.src));
	assert_int_equal(inner.dscp, CNP_DSCP);
	assert_int_equal(inner.ecn, ECN_ECT0);
	assert_true(roce_parse(frame + 14, &inner, &roce));
	assert_int_equal(roce.dest_qpn, 0x118);
	assert_true(icrc_is_right(frame + 14, 80));
	assert_int_equal(ip_addr_parse("10.0.0.1", &order.src), 0);
	assert_int_equal(cnp_build(frame, &order), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cnp_init__refuses),
		cmocka_unit_test(cnp_on_packet__one_flow),
		cmocka_unit_test(cnp_on_packet__what_was_not_sent),
		cmocka_unit_test(cnp_on_packet__eight_flows),
		cmocka_unit_test(cnp_on_packet__in_step),
		cmocka_unit_test(cnp_on_packet__by_port),
		cmocka_unit_test(cnp_on_packet__read_responses),
		cmocka_unit_test(cnp_on_packet__unlearns),
		cmocka_unit_test(cnp_on_packet__old_flows_stay_narrow),
		cmocka_unit_test(cnp_on_packet__crowded),
		cmocka_unit_test(cnp_on_packet__many_pairs),
		cmocka_unit_test(cnp_on_packet__ignores),
		cmocka_unit_test(cnp_ask__gap),
		cmocka_unit_test(cnp_build__ipv4),
		cmocka_unit_test(cnp_build__as_hardware),
		cmocka_unit_test(cnp_build__ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

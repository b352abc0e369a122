#include "dataplane/core/credit.h"

void credit_rx_init(struct credit_rx *c, uint64_t first_seq, uint32_t slots, uint32_t buffers,
		    uint64_t bytes)
{
	*c = (struct credit_rx){.first_seq = first_seq,
				.granted_seq = first_seq,
				.slots = slots,
				.buffers = buffers,
				.bytes = bytes};
	credit_rx_update(c, first_seq, 0, 0);
}

void credit_rx_update(struct credit_rx *c, uint64_t base, uint64_t delivered,
		      uint64_t delivered_bytes)
{
	uint64_t by_slots = base + c->slots;
	uint64_t by_buffers = c->first_seq + delivered + c->buffers;

	uint64_t seq = by_slots < by_buffers ? by_slots : by_buffers;
	uint64_t bytes = delivered_bytes + c->bytes;

	/* Less only after a resize: what was told cannot be taken back. */
	if (seq > c->granted_seq)
		c->granted_seq = seq;
	if (bytes > c->granted_bytes)
		c->granted_bytes = bytes;
}

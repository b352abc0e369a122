#include "dataplane/core/reasm.h"

#include <errno.h>
#include <string.h>

#define NIL UINT16_MAX

int reasm_init(struct reasm *r, struct reasm_slot *slots, uint32_t slot_count, uint32_t limit_bytes,
	       uint64_t timeout_ns)
{
	if (!slot_count || slot_count & (slot_count - 1) || slot_count > REASM_SLOTS_MAX)
		return -EINVAL;
	if (!limit_bytes || limit_bytes > UINT16_MAX)
		return -EINVAL;
	*r = (struct reasm){
		.slots = slots,
		.mask = slot_count - 1,
		.limit_bytes = limit_bytes,
		.timeout_ns = timeout_ns ? timeout_ns : REASM_TIMEOUT_NS,
		.oldest = NIL,
		.youngest = NIL,
	};
	memset(slots, 0, slot_count * sizeof(*slots));
	for (uint32_t i = 0; i < slot_count; i++) {
		slots[i].head = NIL;
		slots[i].next = i + 1 < slot_count ? (uint16_t)(i + 1) : NIL;
	}
	return 0;
}

/*
 * 16 well-mixed bits (the finaliser of MurmurHash3). One multiplication alone clusters keys that
 * are a constant step apart, as those of equally large packets are: up to 16 of 64 in one chain.
 */
static uint32_t key_hash(uint32_t key)
{
	key ^= key >> 15;
	key *= 0x85ebca6bu;
	key ^= key >> 13;
	key *= 0xc2b2ae35u;
	return key >> 16;
}

static uint16_t *chain_of(struct reasm *r, uint32_t key)
{
	return &r->slots[key_hash(key) & r->mask].head;
}

static uint16_t slot_find(struct reasm *r, uint32_t key)
{
	uint16_t at = *chain_of(r, key);

	while (at != NIL && r->slots[at].key != key)
		at = r->slots[at].next;
	return at;
}

static void chain_remove(struct reasm *r, uint16_t slot)
{
	uint16_t *link = chain_of(r, r->slots[slot].key);

	while (*link != slot)
		link = &r->slots[*link].next;
	*link = r->slots[slot].next;
}

static void age_append(struct reasm *r, uint16_t slot)
{
	struct reasm_slot *s = &r->slots[slot];

	s->older = r->youngest;
	s->younger = NIL;
	if (s->older == NIL)
		r->oldest = slot;
	else
		r->slots[s->older].younger = slot;
	r->youngest = slot;
}

static void age_remove(struct reasm *r, uint16_t slot)
{
	struct reasm_slot *s = &r->slots[slot];

	if (s->older == NIL)
		r->oldest = s->younger;
	else
		r->slots[s->older].younger = s->younger;
	if (s->younger == NIL)
		r->youngest = s->older;
	else
		r->slots[s->younger].older = s->older;
}

static uint16_t slot_open(struct reasm *r, uint32_t key, const struct wire_data *data, uint64_t now)
{
	uint16_t slot = r->free;
	struct reasm_slot *s = &r->slots[slot];
	uint16_t *chain = chain_of(r, key);

	r->free = s->next;
	memset(s->received, 0, sizeof(s->received));
	s->key = key;
	s->deadline_ns = now + r->timeout_ns;
	s->last_end = 0;
	s->last_offset = 0;
	s->piece = 0;
	s->count = data->frag_count;
	s->missing = data->frag_count;
	s->class = data->class;
	s->is_used = true;
	s->next = *chain;
	*chain = slot;
	age_append(r, slot);
	r->used++;
	return slot;
}

/* The slot's packet is finished or given up. */
static void slot_close(struct reasm *r, uint16_t slot, bool is_finished, uint64_t now)
{
	struct reasm_slot *s = &r->slots[slot];
	uint32_t at = key_hash(s->key) & (REASM_RECENT - 1);

	r->recent[at].key = s->key;
	r->recent[at].until_ns = now + r->timeout_ns;
	r->recent[at].is_finished = is_finished;
	chain_remove(r, slot);
	age_remove(r, slot);
	s->is_used = false;
	s->next = r->free;
	r->free = slot;
	r->used--;
}

/* Did a packet with this key end within the last timeout? */
static bool recent_find(const struct reasm *r, uint32_t key, uint64_t now, enum drop *why)
{
	uint32_t at = key_hash(key) & (REASM_RECENT - 1);

	if (r->recent[at].key != key || now >= r->recent[at].until_ns)
		return false;
	*why = r->recent[at].is_finished ? DROP_FRAGMENT : DROP_REASSEMBLY;
	return true;
}

/* What one fragment says of itself. */
static bool fragment_is_sound(const struct reasm *r, const struct wire_data *data)
{
	uint32_t index = data->frag_index, len = data->length_bytes, offset = data->frag_offset;
	uint32_t last = (uint32_t)data->frag_count - 1;

	if (data->frag_count < 2 || index > last || !len)
		return false;
	if (index == last) /* as many bytes or more lie before it, in each piece */
		return offset >= last * len && offset + len <= r->limit_bytes;
	return offset == index * len && last * len + 1 <= r->limit_bytes;
}

/* All pieces but the last are equally long, the last is not longer, and it starts where they end.
 */
static bool siblings_agree(const struct reasm_slot *s, const struct wire_data *data)
{
	uint32_t last = (uint32_t)s->count - 1;

	if (data->frag_count != s->count || data->class != s->class)
		return false;
	if (data->frag_index == last)
		return !s->piece ||
		       (data->frag_offset == last * s->piece && data->length_bytes <= s->piece);
	if (s->piece)
		return data->length_bytes == s->piece;
	/* fragment_is_sound has compared the last with what lies before it, so it is not too long
	 * either. */
	return !s->last_end || s->last_offset == last * data->length_bytes;
}

static bool is_received(const struct reasm_slot *s, uint8_t index)
{
	return s->received[index / 64] >> index % 64 & 1;
}

static void slot_note(struct reasm_slot *s, const struct wire_data *data)
{
	s->received[data->frag_index / 64] |= 1ull << data->frag_index % 64;
	s->missing--;
	if (data->frag_index + 1 == s->count) {
		s->last_offset = data->frag_offset;
		s->last_end = (uint32_t)data->frag_offset + data->length_bytes;
	} else {
		s->piece = data->length_bytes;
	}
}

static enum reasm_result on_sibling(struct reasm *r, uint16_t at, const struct wire_data *data,
				    uint64_t now, uint32_t *total_len)
{
	struct reasm_slot *s = &r->slots[at];

	if (!siblings_agree(s, data))
		return REASM_BAD;
	if (is_received(s, data->frag_index))
		return REASM_DUPLICATE;
	slot_note(s, data);
	if (s->missing)
		return REASM_STORE;
	*total_len = s->last_end;
	slot_close(r, at, true, now);
	return REASM_DONE;
}

enum reasm_result reasm_on_fragment(struct reasm *r, const struct wire_data *data, uint64_t now,
				    uint32_t *slot, uint32_t *total_len, enum drop *why)
{
	uint32_t key = data->seq - data->frag_index;
	uint16_t at;

	*why = DROP_FRAGMENT;
	if (!fragment_is_sound(r, data))
		return REASM_BAD;
	at = slot_find(r, key);
	if (at != NIL) {
		*slot = at;
		return on_sibling(r, at, data, now, total_len);
	}
	if (recent_find(r, key, now, why))
		return REASM_DUPLICATE;
	if (r->free == NIL)
		return REASM_FULL;
	at = slot_open(r, key, data, now);
	slot_note(&r->slots[at], data);
	*slot = at;
	return REASM_NEW;
}

uint32_t reasm_evict(struct reasm *r, uint64_t now)
{
	uint16_t slot = r->oldest;

	if (slot == NIL)
		return REASM_NONE;
	slot_close(r, slot, false, now);
	return slot;
}

uint64_t reasm_deadline(const struct reasm *r)
{
	return r->oldest == NIL ? UINT64_MAX : r->slots[r->oldest].deadline_ns;
}

uint32_t reasm_poll(struct reasm *r, uint64_t now, uint32_t *slots_out, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && reasm_deadline(r) <= now)
		slots_out[n++] = reasm_evict(r, now);
	return n;
}

void reasm_cancel(struct reasm *r, uint32_t slot, uint64_t now)
{
	if (slot <= r->mask && r->slots[slot].is_used)
		slot_close(r, (uint16_t)slot, false, now);
}

uint32_t reasm_flush(struct reasm *r, uint32_t *slots_out, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && r->oldest != NIL)
		slots_out[n++] = reasm_evict(r, 0);
	if (r->oldest == NIL)
		memset(r->recent, 0, sizeof(r->recent));
	return n;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/agent/kernel_slot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/kernel_abi.h"

bool kernel_slot_has_room(const struct kernel_slot *slot, uint32_t prefixes, uint32_t sets)
{
	return slot->prefixes_max && prefixes <= slot->prefixes_max && sets <= slot->sets_max;
}

/* Memory is taken as entries come, so room costs next to nothing. */
static int table_create(enum bpf_map_type type, const char *name, uint32_t key_bytes,
			uint32_t value_bytes, uint32_t room)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(type, name, key_bytes, value_bytes, room, &opts);

	return fd < 0 ? -errno : fd;
}

/* Twice what is there now: rules come one path after the other. */
static uint32_t room_for(uint32_t count)
{
	return count * 2 > KERNEL_SLOT_ROOM ? count * 2 : KERNEL_SLOT_ROOM;
}

int kernel_slot_open(struct kernel_slot *slot, uint32_t index, int tries_fd, int sets_fd,
		     uint32_t prefixes, uint32_t sets)
{
	struct kernel_slot made = {.prefixes_max = room_for(prefixes), .sets_max = room_for(sets)};
	int error = 0;

	made.trie_fd =
		table_create(BPF_MAP_TYPE_LPM_TRIE, "cw_trie", sizeof(struct kernel_prefix_key),
			     sizeof(uint32_t), made.prefixes_max);
	if (made.trie_fd < 0)
		return made.trie_fd;
	made.sets_fd = table_create(BPF_MAP_TYPE_HASH, "cw_set", sizeof(uint64_t),
				    sizeof(struct classify_rule_set), made.sets_max);
	if (made.sets_fd < 0) {
		close(made.trie_fd);
		return made.sets_fd;
	}
	if (bpf_map_update_elem(tries_fd, &index, &made.trie_fd, BPF_ANY) ||
	    bpf_map_update_elem(sets_fd, &index, &made.sets_fd, BPF_ANY))
		error = -errno;
	/* Either way what it had is in the outer maps no more, or not as a pair. */
	kernel_slot_close(slot);
	if (error)
		kernel_slot_close(&made);
	else
		*slot = made;
	return error;
}

static int table_clear(int fd, void *key)
{
	while (bpf_map_get_next_key(fd, NULL, key) == 0)
		if (bpf_map_delete_elem(fd, key))
			return -errno;
	return errno == ENOENT ? 0 : -errno;
}

static int prefixes_fill(int fd, const struct ruleset *rules, enum ruleset_side side)
{
	for (uint32_t i = 0; i < ruleset_prefix_count(rules, side); i++) {
		struct kernel_prefix_key key = {.side = side};
		struct ip_prefix prefix;
		uint32_t group = ruleset_prefix(rules, side, i, &prefix);

		key.prefix_len = KERNEL_PREFIX_BITS(prefix.len);
		memcpy(key.addr, prefix.addr.bytes, sizeof(key.addr));
		if (bpf_map_update_elem(fd, &key, &group, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int trie_fill(int fd, const struct ruleset *rules)
{
	struct kernel_prefix_key key;
	int error = table_clear(fd, &key);

	if (!error)
		error = prefixes_fill(fd, rules, RULESET_SRC);
	return error ? error : prefixes_fill(fd, rules, RULESET_DST);
}

static int sets_fill(int fd, const struct ruleset *rules)
{
	uint64_t key;
	int error = table_clear(fd, &key);

	for (uint32_t i = 0; i < ruleset_set_count(rules) && !error; i++) {
		const struct classify_rule_set *set = ruleset_set(rules, i, &key);

		if (bpf_map_update_elem(fd, &key, set, BPF_ANY))
			error = -errno;
	}
	return error;
}

int kernel_slot_fill(struct kernel_slot *slot, const struct ruleset *rules)
{
	int error = trie_fill(slot->trie_fd, rules);

	return error ? error : sets_fill(slot->sets_fd, rules);
}

void kernel_slot_close(struct kernel_slot *slot)
{
	if (slot->prefixes_max) {
		close(slot->trie_fd);
		close(slot->sets_fd);
	}
	*slot = (struct kernel_slot){0};
}

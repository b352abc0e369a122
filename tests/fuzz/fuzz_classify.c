// SPDX-License-Identifier: BSD-3-Clause
/*
 * Any bytes as a frame: the classifier reads nothing outside its input (ASan sees it), and its
 * verdict is one of those that the port's role allows. Input: role and stripped VLAN tag (3 bytes),
 * then the frame.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/user_classifier.h"
#include "tests/unit/bpf/corpus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verdict_check(verdict_t verdict, uint8_t role)
{
	switch (verdict_kind(verdict)) {
	case VERDICT_KERNEL:
		if (verdict >= KERNEL_REASON_COUNT)
			abort();
		return;
	case VERDICT_CLAIM:
	case VERDICT_BLOCK:
		if (role != CLASSIFY_LAN || verdict_class(verdict) >= CLASS_COUNT)
			abort();
		return;
	case VERDICT_TUNNEL:
		if (role != CLASSIFY_WAN || verdict_value(verdict) >= CORPUS_LANES)
			abort();
		return;
	case VERDICT_PAUSE:
		if (role != CLASSIFY_LAN)
			abort();
		return;
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ruleset *rules;
	struct classify_input in = {0};

	if (!rules)
		rules = corpus_rules(0);
	if (size < 3)
		return 0;
	corpus_port(&in.port, data[0] & 1 ? CLASSIFY_WAN : CLASSIFY_LAN);
	in.rules = (uint64_t)(uintptr_t)rules;
	classify_input_fill(&in, data + 3, (uint32_t)(size - 3));
	in.vlan_tci = (uint16_t)(data[1] << 8 | data[2]);
	/* A random destination MAC would stop nearly all: let the second bit give the right one. */
	if (data[0] & 2 && size >= 9)
		memcpy(in.data, in.port.mac, 6);
	verdict_check(user_classifier_run(&in), (uint8_t)in.port.role);
	return 0;
}

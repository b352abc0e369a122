#include "dataplane/agent/claims.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/agent/ruleset_heap.h"

/* Bursts that a worker takes off a port before it forgets a claim: some hundred frames. */
#define FENCE_TURNS 4

static uint32_t claims_collect(const struct slots *slots, struct ruleset_claim *claims)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < slots->high; i++)
		if (slots->slot[i].is_used && slots->slot[i].is_claiming)
			claims[count++] = (struct ruleset_claim){.path = &slots->slot[i].intent,
								 .handle = slots->slot[i].handle};
	return count;
}

static int claims_compile(const struct slots *slots, const struct ruleset **rules)
{
	struct ruleset_claim *claims = calloc(SLOTS_MAX, sizeof(*claims));
	int ret;

	if (!claims)
		return -ENOMEM;
	ret = ruleset_heap_build(claims, claims_collect(slots, claims), rules);
	free(claims);
	return ret;
}

/* All that takes long and all that can fail comes before the first flip. */
static int kernel_prepare(struct kernel_rules *kernel, uint32_t port_count,
			  const struct ruleset *rules)
{
	for (uint32_t i = 0; i < port_count; i++) {
		int ret = kernel[i].kind == KERNEL_RULES_NONE
				  ? 0
				  : kernel_rules_prepare(&kernel[i], rules);

		if (ret)
			return ret;
	}
	return 0;
}

static int kernel_commit(struct kernel_rules *kernel, uint32_t port_count)
{
	for (uint32_t i = 0; i < port_count; i++) {
		int ret = kernel[i].kind == KERNEL_RULES_NONE ? 0 : kernel_rules_commit(&kernel[i]);

		if (ret)
			return ret;
	}
	return 0;
}

int claims_apply(const struct slots *slots, enum claims_order order, struct fastpath *fastpath,
		 struct kernel_rules *kernel, uint32_t port_count)
{
	const struct ruleset *rules;
	int ret = claims_compile(slots, &rules);

	if (ret)
		return ret;
	ret = kernel_prepare(kernel, port_count, rules);
	if (!ret && order == CLAIMS_KERNEL_FIRST)
		ret = kernel_commit(kernel, port_count);
	if (ret) {
		ruleset_heap_free(rules);
		return ret;
	}
	/* What came in before has no copy in the kernel: the workers take it by the old rules. */
	if (order == CLAIMS_KERNEL_FIRST)
		fastpath_fence(fastpath, FENCE_TURNS);
	ret = fastpath_rules_set(fastpath, rules);
	if (!ret && order == CLAIMS_WORKERS_FIRST)
		ret = kernel_commit(kernel, port_count);
	return ret;
}

#include "dataplane/agent/claims.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/agent/ruleset_heap.h"

/* Bursts that a worker takes off a port before it forgets a claim: some hundred frames. */
#define FENCE_TURNS 4

static uint32_t claims_collect(const struct slots *slots, struct ruleset_claim *claims)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < slots->high; i++) {
		const struct slot *slot = &slots->slot[i];

		if (slot->is_used && (slot->is_claiming || slot->is_blocking))
			claims[count++] = (struct ruleset_claim){.path = &slot->intent,
								 .handle = slot->handle,
								 .is_idle = !slot->is_claiming};
	}
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
static int kernel_prepare(struct kernel_rules *kernel, uint32_t count, const struct ruleset *rules)
{
	int ret = 0;

	for (uint32_t i = 0; i < count && !ret; i++)
		if (kernel_rules_has_claims(&kernel[i]))
			ret = kernel_rules_prepare(&kernel[i], rules);
	return ret;
}

static int kernel_commit(struct kernel_rules *kernel, uint32_t count)
{
	int ret = 0;

	for (uint32_t i = 0; i < count && !ret; i++)
		if (kernel_rules_has_claims(&kernel[i]))
			ret = kernel_rules_commit(&kernel[i]);
	return ret;
}

int claims_apply(const struct slots *slots, enum claims_order order, struct fastpath *fastpath,
		 struct kernel_rules *kernel, uint32_t count)
{
	const struct ruleset *rules;
	int ret = claims_compile(slots, &rules);

	if (ret)
		return ret;
	ret = kernel_prepare(kernel, count, rules);
	if (!ret && order == CLAIMS_KERNEL_FIRST)
		ret = kernel_commit(kernel, count);
	if (ret) {
		ruleset_heap_free(rules);
		return ret;
	}
	/* What came in before has no copy in the kernel: the workers take it by the old rules. */
	if (order == CLAIMS_KERNEL_FIRST)
		fastpath_fence(fastpath, FENCE_TURNS);
	ret = fastpath_rules_set(fastpath, rules);
	if (!ret && order == CLAIMS_WORKERS_FIRST)
		ret = kernel_commit(kernel, count);
	return ret;
}

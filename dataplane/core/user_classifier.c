// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/core/user_classifier.h"

#include "dataplane/core/ruleset.h"

static inline __u64 classify_src_group(__u64 rules, __u64 hi, __u64 lo)
{
	return user_classifier_src_group(rules, hi, lo);
}

static inline __u64 classify_dst_group(__u64 rules, __u64 hi, __u64 lo)
{
	return user_classifier_dst_group(rules, hi, lo);
}

static inline __u64 classify_rule(__u64 rules, __u64 key, __u64 ports, __u64 dscp_len)
{
	return user_classifier_rule(rules, key, ports, dscp_len);
}

#include "bpf/classify.h"

static const struct ruleset *user_classifier_rules(uint64_t rules)
{
	return (const struct ruleset *)(uintptr_t)rules;
}

uint64_t user_classifier_src_group(uint64_t rules, uint64_t hi, uint64_t lo)
{
	return rules ? ruleset_group(user_classifier_rules(rules), RULESET_SRC, hi, lo) : 0;
}

uint64_t user_classifier_dst_group(uint64_t rules, uint64_t hi, uint64_t lo)
{
	return rules ? ruleset_group(user_classifier_rules(rules), RULESET_DST, hi, lo) : 0;
}

uint64_t user_classifier_rule(uint64_t rules, uint64_t key, uint64_t ports, uint64_t dscp_len)
{
	const struct classify_rule_set *set = ruleset_find(user_classifier_rules(rules), key);

	return set ? classify_match(set, ports, dscp_len) : KERNEL_NO_RULE;
}

verdict_t user_classifier_run(const struct classify_input *in)
{
	return classify(in);
}

#include "perf/top_text.h"

#include <stdio.h>

struct text text_rate(uint64_t bps)
{
	struct text t = {""};

	units_format_rate(bps, t.s, sizeof(t.s));
	return t;
}

struct text text_count(uint64_t number)
{
	struct text t = {""};

	units_format_count(number, t.s, sizeof(t.s));
	return t;
}

struct text text_size(uint64_t bytes)
{
	struct text t = {""};

	units_format_size(bytes, t.s, sizeof(t.s));
	return t;
}

struct text text_time(uint64_t ns)
{
	struct text t = {"-"};

	if (ns)
		units_format_time(ns, t.s, sizeof(t.s));
	return t;
}

struct text text_share(double share)
{
	struct text t = {"-"};

	if (share == 0)
		return (struct text){"0%"};
	if (share >= 0.1)
		snprintf(t.s, sizeof(t.s), "%.0f%%", 100 * share);
	else if (share >= 0.0001)
		snprintf(t.s, sizeof(t.s), "%.2f%%", 100 * share);
	else if (share > 0)
		snprintf(t.s, sizeof(t.s), "<.01%%");
	return t;
}

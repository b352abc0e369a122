/*
 * What the files of admission share; nobody else includes it. admission.c says what fits where,
 * admission_offer.c what would.
 */
#pragma once

#include "control/core/admission.h"

__extension__ typedef unsigned __int128 admission_u128;

static inline uint64_t admission_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t admission_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A full packet, and the bytes of the WAN port's line that it takes. */
uint64_t admission_inner_bytes(const struct admission_medium *medium);
uint64_t admission_line_bytes(const struct admission_medium *medium);

/* May the path go there by its rules? */
enum route_refusal admission_check_rules(const struct admission_request *request,
					 const struct admission_option *options, uint32_t index);
/* May it go there, and does it fit? */
void admission_option_decide(const struct admission_request *request,
			     struct admission_option *options, uint32_t index,
			     struct calendar_event *scratch, struct admission_verdict *verdict);
/* The best offer of a kind on one option; false: there is none. */
bool admission_offer_one(enum admission_offer_kind kind, const struct admission_ask *asked,
			 const struct admission_option *option, struct calendar_event *scratch,
			 struct admission_ask *ask);
/* Is a a better offer of this kind than b? */
bool admission_offer_is_better(enum admission_offer_kind kind, const struct admission_ask *a,
			       const struct admission_ask *b);
void admission_offers_make(const struct admission_request *request,
			   const struct admission_option *options, uint32_t count,
			   struct calendar_event *scratch, struct admission_verdict *verdict);

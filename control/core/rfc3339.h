/*
 * Points in time as RFC 3339 writes them, and back: nanoseconds since the epoch, UTC, without leap
 * seconds. Pure; any thread.
 */
#pragma once

#include <stdint.h>

/* "2026-11-22T10:00:00.000000000Z" and the final 0, rounded up. */
#define RFC3339_TEXT_BYTES 40

/*
 * "2026-11-22T10:00:00Z", with a fraction of up to 9 digits, with an offset such as +01:00 instead
 * of Z. Years 1970 to 2500. 0 or -EINVAL; writes its result only with 0.
 */
int rfc3339_parse(const char *text, uint64_t *ns);
/* Exact, in UTC, with no more digits behind the second than needed. */
void rfc3339_format(uint64_t ns, char out[RFC3339_TEXT_BYTES]);

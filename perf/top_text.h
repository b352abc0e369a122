/* Numbers as tables show them: short texts by value, each for one printf argument. Any thread. */
#pragma once

#include <stdint.h>

#include "control/core/units.h"

struct text {
	char s[UNITS_TEXT_BYTES];
};

struct text text_rate(uint64_t bps);
struct text text_count(uint64_t number);
struct text text_size(uint64_t bytes);
struct text text_time(uint64_t ns); /* "-" for 0: not measured */
/* 0.0123 as "1.23%"; "-" for less than 0: not known. */
struct text text_share(double share);

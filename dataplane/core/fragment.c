#include "dataplane/core/fragment.h"

uint32_t fragment_count_several(uint32_t total, uint32_t max)
{
	uint32_t count = 1;

	/* A handful of turns for packets of real size: cheaper than a division. */
	for (uint64_t covered = max; covered < total; covered += max) {
		if (count++ == FRAGMENT_COUNT_MAX)
			return 0;
	}
	return count;
}

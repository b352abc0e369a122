#include "control/io/h2_memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
/* A frame of 16 KiB and what nghttp2 puts around it; nothing else that it wants is so large. */
#define FRAME_MIN   (8u << 10)
#define FRAME_BLOCK (20u << 10)

/* There where a sanitizer is: it looks after the heap only, so the heap has it all then. */
extern void __asan_init(void) __attribute__((weak));

/* ---- ranges ---- */

static void range_init(struct h2_range *range, uint32_t count, size_t block_bytes)
{
	void *base;

	block_bytes = (block_bytes + PAGE - 1) / PAGE * PAGE;
	base = mmap(NULL, count * block_bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return;
	range->base = base;
	range->count = count;
	range->block_bytes = (uint32_t)block_bytes;
}

static size_t range_bytes(const struct h2_range *range)
{
	return (size_t)range->count * range->block_bytes;
}

static void range_free(struct h2_range *range)
{
	if (range->base)
		munmap(range->base, range_bytes(range));
	*range = (struct h2_range){0};
}

static bool range_has(const struct h2_range *range, const void *at)
{
	uintptr_t begin = (uintptr_t)range->base;

	return begin && (uintptr_t)at >= begin && (uintptr_t)at < begin + range_bytes(range);
}

/* NULL when none is left. */
static void *range_take(struct h2_range *range)
{
	void *block = range->free;

	if (block)
		memcpy(&range->free, block, sizeof(range->free));
	else if (range->fresh < range->count)
		block = range->base + (size_t)range->fresh++ * range->block_bytes;
	return block;
}

/* The first page has the list's link; the others go back to the system. */
static void range_give(struct h2_range *range, void *block)
{
	madvise((uint8_t *)block + PAGE, range->block_bytes - PAGE, MADV_DONTNEED);
	memcpy(block, &range->free, sizeof(range->free));
	range->free = block;
}

/* ---- nghttp2's ---- */

static void *take(size_t size, void *arg)
{
	struct h2_memory *memory = arg;
	void *block = NULL;

	if (size >= FRAME_MIN && size <= FRAME_BLOCK)
		block = range_take(&memory->frames);
	return block ? block : malloc(size);
}

static void give(void *at, void *arg)
{
	struct h2_memory *memory = arg;

	if (range_has(&memory->frames, at))
		range_give(&memory->frames, at);
	else
		free(at);
}

static void *take_zeroed(size_t count, size_t size, void *arg)
{
	(void)arg;
	return calloc(count, size);
}

static void *resize(void *at, size_t size, void *arg)
{
	struct h2_memory *memory = arg;
	void *other;

	if (!at)
		return take(size, arg);
	if (!range_has(&memory->frames, at))
		return realloc(at, size);
	if (size <= FRAME_BLOCK)
		return at;
	other = malloc(size);
	if (!other)
		return NULL;
	memcpy(other, at, FRAME_BLOCK);
	give(at, arg);
	return other;
}

/* ---- all of it ---- */

void h2_memory_init(struct h2_memory *memory, uint32_t count, size_t conn_bytes)
{
	memory->mem = (nghttp2_mem){memory, take, give, take_zeroed, resize};
	memory->frames = memory->conns = (struct h2_range){0};
	if (__asan_init)
		return;
	range_init(&memory->frames, count, FRAME_BLOCK);
	range_init(&memory->conns, count, conn_bytes);
}

void h2_memory_free(struct h2_memory *memory)
{
	range_free(&memory->frames);
	range_free(&memory->conns);
}

void *h2_memory_take_conn(struct h2_memory *memory, size_t conn_bytes)
{
	void *conn = range_take(&memory->conns);

	return conn ? conn : malloc(conn_bytes);
}

void h2_memory_give_conn(struct h2_memory *memory, void *conn)
{
	if (range_has(&memory->conns, conn))
		range_give(&memory->conns, conn);
	else
		free(conn);
}

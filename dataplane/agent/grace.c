// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/agent/grace.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define RETRY_US 10000

struct grace {
	int inner_fd, outer_fd; /* maps that no program uses */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock. */
	uint64_t asked, over;
	bool is_stopping;
};

static int maps_create(struct grace *grace)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	grace->inner_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cw_grace_in", sizeof(uint32_t),
					 sizeof(uint32_t), 1, NULL);
	if (grace->inner_fd < 0)
		return -1;
	opts.inner_map_fd = (uint32_t)grace->inner_fd;
	grace->outer_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "cw_grace", sizeof(uint32_t),
					 sizeof(uint32_t), 1, &opts);
	return grace->outer_fd < 0 ? -1 : 0;
}

/* An update that failed (no memory) has waited for nothing. */
static bool period_wait(const struct grace *grace)
{
	const uint32_t first_key = 0;

	if (!bpf_map_update_elem(grace->outer_fd, &first_key, &grace->inner_fd, BPF_ANY))
		return true;
	usleep(RETRY_US);
	return false;
}

static void *thread_run(void *arg)
{
	struct grace *grace = arg;

	pthread_mutex_lock(&grace->lock);
	while (!grace->is_stopping) {
		uint64_t asked = grace->asked;
		bool is_over;

		if (asked == grace->over) {
			pthread_cond_wait(&grace->changed, &grace->lock);
			continue;
		}
		pthread_mutex_unlock(&grace->lock);
		is_over = period_wait(grace);
		pthread_mutex_lock(&grace->lock);
		if (is_over)
			grace->over = asked;
		pthread_cond_broadcast(&grace->changed);
	}
	pthread_mutex_unlock(&grace->lock);
	return NULL;
}

static void maps_close(const struct grace *grace)
{
	if (grace->outer_fd >= 0)
		close(grace->outer_fd);
	if (grace->inner_fd >= 0)
		close(grace->inner_fd);
}

struct grace *grace_create(void)
{
	struct grace *grace = calloc(1, sizeof(*grace));
	int ret;

	if (!grace)
		return NULL;
	grace->inner_fd = grace->outer_fd = -1;
	pthread_mutex_init(&grace->lock, NULL);
	pthread_cond_init(&grace->changed, NULL);
	ret = maps_create(grace) ? errno : pthread_create(&grace->thread, NULL, thread_run, grace);
	if (!ret)
		return grace;
	maps_close(grace);
	free(grace);
	errno = ret;
	return NULL;
}

void grace_destroy(struct grace *grace)
{
	if (!grace)
		return;
	pthread_mutex_lock(&grace->lock);
	grace->is_stopping = true;
	pthread_cond_broadcast(&grace->changed);
	pthread_mutex_unlock(&grace->lock);
	pthread_join(grace->thread, NULL);
	pthread_cond_destroy(&grace->changed);
	pthread_mutex_destroy(&grace->lock);
	maps_close(grace);
	free(grace);
}

uint64_t grace_begin(struct grace *grace)
{
	uint64_t ticket;

	pthread_mutex_lock(&grace->lock);
	ticket = ++grace->asked;
	pthread_cond_broadcast(&grace->changed);
	pthread_mutex_unlock(&grace->lock);
	return ticket;
}

void grace_wait(struct grace *grace, uint64_t ticket)
{
	pthread_mutex_lock(&grace->lock);
	while (grace->over < ticket)
		pthread_cond_wait(&grace->changed, &grace->lock);
	pthread_mutex_unlock(&grace->lock);
}

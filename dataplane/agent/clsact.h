/*
 * The clsact qdisc that carries tc programs, asked by netlink. Stateless; any thread.
 */
#pragma once

#include <stdint.h>

/* 1: the interface has one; 0: it has none; or -errno. */
int clsact_exists(uint32_t ifindex);
/* Filters on ingress and egress together, or -errno. */
int clsact_filter_count(uint32_t ifindex);
/* Is a filter with that handle and priority on ingress? 1, 0 or -errno. */
int clsact_has_filter(uint32_t ifindex, uint32_t handle, uint32_t priority);

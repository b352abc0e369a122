/*
 * The transport in a gateway's report to control: counters and gauges of paths and links by the
 * names that they have in the counter pages. Agent thread.
 *
 * A report tells of the transport of REPORT_TRANSPORTS paths, in turn, so that its size stays
 * bounded; control keeps what it was told before.
 */
#pragma once

#include <jansson.h>

#include "dataplane/agent/agent_private.h"

#define REPORT_TRANSPORTS 64

/* Adds transport and buffers of each path whose turn it is; paths: as many as there are slots in
 * use, in their order. */
void report_transport_add(struct agent *a, json_t *paths);
/* Every link that some path goes over. A new reference. */
json_t *report_links_json(struct agent *a);

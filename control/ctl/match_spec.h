/*
 * A command line's match, PROTOCOL[:PORTS,...][@dscpN,...], as the API's JSON. No output.
 */
#pragma once

#include <jansson.h>

#define MATCH_SPEC_ERROR_BYTES 128

/* {"protocol":..,"ports":[..],"dscp":[..]}, or NULL with error's text. */
json_t *match_spec_parse(const char *text, char *error);

/*
 * What causewayctl says: results on stdout, errors on stderr; in JSON mode exactly one object on
 * stdout for either. One thread.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "control/ctl/api.h"
#include "control/ctl/command.h"

/* The result in JSON mode. */
void output_json(const json_t *value);

/*
 * An error of our own: code is a word for programs ("usage", "unreachable"), the rest a line for
 * people. Returns exit_code.
 */
__attribute__((format(printf, 4, 5))) enum exit_code output_error(const struct ctl *ctl,
								  enum exit_code exit_code,
								  const char *code,
								  const char *format, ...);

/* Where an error's JSON pointer came from, as "file:line", or NULL. */
typedef const char *output_locate_fn(const char *pointer, void *arg);

/* What would be admitted instead, a line each. */
void output_offers(const json_t *offers, FILE *out);

/*
 * Did the call fail? EXIT_OK when not. Else the error is printed: the transport's, or the server's
 * problem with its pointers and offers. locate may be NULL.
 */
enum exit_code output_failure(const struct ctl *ctl, const struct api_reply *reply,
			      output_locate_fn *locate, void *arg);

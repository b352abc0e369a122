/*
 * Errors as RFC 9457 problem documents: one status, one code, and where each fault of the request
 * is (JSON pointers, RFC 6901). Plain value of one request; control's thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define PROBLEM_ERRORS_MAX 16

struct problem {
	int status; /* 0: no problem */
	const char *code;
	char detail[400];
	bool is_retryable;
	json_t *errors; /* NULL until there is one */
	json_t *offers;
};

/* The first problem stays; later ones of the same request are ignored. */
void problem_set(struct problem *problem, int status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* A fault at one place of the body: status 400, and the first PROBLEM_ERRORS_MAX are listed. */
void problem_add(struct problem *problem, const char *pointer, const char *code, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));
/* A refusal: status 409, and the member of the body that it is about. */
void problem_refuse(struct problem *problem, const char *pointer, const char *code,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Takes over offers, e.g. what would fit. */
void problem_offer(struct problem *problem, json_t *offers);
bool problem_is_set(const struct problem *problem);
/* NULL without memory. */
json_t *problem_json(const struct problem *problem);
void problem_clear(struct problem *problem);

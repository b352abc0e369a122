/* One path for people. */
#pragma once

#include <jansson.h>
#include <stdio.h>

/* "path job1 is active" and why. */
void path_print_line(const json_t *path, FILE *out);
/* And what was asked, each gateway's facts and the history. */
void path_print(const json_t *path, FILE *out);

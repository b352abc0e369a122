#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/io/intent_line.h"
#include "control/io/intent_text.h"

static void fill_name(char *name)
{
	memset(name, 'n', MODEL_NAME_BYTES - 1);
}

static void fill_address(struct ip_addr *addr)
{
	memset(addr->bytes, 0xff, sizeof(addr->bytes));
}

/* The longest that the API lets in. */
static void fill(struct intent_path *path)
{
	memset(path, 0xff, sizeof(*path));
	memset(path->name, 0, sizeof(path->name));
	memset(path->peer, 0, sizeof(path->peer));
	memset(path->port, 0, sizeof(path->port));
	fill_name(path->name);
	fill_name(path->peer);
	fill_name(path->port);
	fill_address(&path->local_addr);
	fill_address(&path->peer_addr);
	path->phase = PHASE_RECEIVE;
	path->when_down = WHEN_DOWN_BEST_EFFORT;
	path->rate_bps = path->max_bps = path->peer_max_bps = INT64_MAX;
	path->link_bps = path->link_rtt_ns = INT64_MAX;
	memset(path->peer_certificate, 'c', sizeof(path->peer_certificate) - 1);
	path->peer_certificate[sizeof(path->peer_certificate) - 1] = 0;
	path->near_count = path->far_count = INTENT_PREFIXES_MAX;
	for (int i = 0; i < INTENT_PREFIXES_MAX; i++) {
		fill_address(&path->near[i].addr);
		fill_address(&path->far[i].addr);
		path->near[i].len = path->far[i].len = 128;
	}
	path->match_count = INTENT_MATCHES_MAX;
	for (int i = 0; i < INTENT_MATCHES_MAX; i++) {
		path->match[i].protocol = PROTOCOL_TCP;
		path->match[i].range_count = INTENT_RANGES_MAX;
		for (int j = 0; j < INTENT_RANGES_MAX; j++) {
			path->match[i].ranges[j].first = 10000;
			path->match[i].ranges[j].last = 60000;
		}
	}
	path->deliver = (struct intent_deliver){true, true, 63, 7};
}

/* So that a gateway's line is within INTENT_LINE_MAX: what admission counts are paths. */
static void text__is_bounded(void **state)
{
	struct shared_text *text;
	struct intent_path path;

	(void)state;
	fill(&path);
	text = intent_text_make(&path);
	assert_non_null(text);
	print_message("the longest path takes %zu bytes\n", text->len);
	assert_true(text->len + 1 <= INTENT_TEXT_MAX);
	assert_int_equal(strlen(text->text), text->len);
	shared_text_drop(text);
}

static void text__is_json(void **state)
{
	struct intent_path path = {0};
	struct shared_text *text;
	json_t *json;

	(void)state;
	strcpy(path.name, "job1");
	path.phase = PHASE_DRAIN;
	text = intent_text_make(&path);
	json = json_loads(text->text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "name")), "job1");
	assert_string_equal(json_string_value(json_object_get(json, "phase")), "drain");
	assert_null(json_object_get(json, "deliver"));
	assert_null(strchr(text->text, '\n'));
	json_decref(json);
	shared_text_drop(text);
}

/* All pieces of a line of so many paths of a size, in one. */
static char *line_of(size_t paths, size_t bytes, size_t *pieces)
{
	const struct intent_head head = {12, 7, "gw-a"};
	char *path = malloc(bytes + 1), *text = calloc(paths + 1, bytes + 300), *piece;
	struct intent_line line = {0};
	size_t len, total = 0;

	snprintf(path, bytes + 1, "\"%0*d\"", (int)bytes - 2, 0);
	assert_int_equal(intent_line_begin(&line, paths), 0);
	for (size_t i = 0; i < paths; i++) {
		struct shared_text *shared = shared_text_make(path, bytes);

		intent_line_add(&line, shared);
		shared_text_drop(shared);
	}
	for (*pieces = 0; line.is_open; ++*pieces) {
		piece = intent_line_piece(&line, &head, &len);
		assert_true(len < INTENT_PIECE_BYTES + bytes + 300);
		assert_int_equal(piece[len - 1] == '\n', !line.is_open);
		memcpy(text + total, piece, len);
		total += len;
		free(piece);
	}
	intent_line_free(&line);
	free(path);
	return text;
}

static void line__pieces(void **state)
{
	static const struct {
		size_t paths, bytes, pieces;
	} rows[] = {{0, 10, 1},	      {1, 10, 1},	{3, 500, 1},	{40, 1000, 1},
		    {1, 3u << 20, 1}, {3, 3u << 20, 3}, {2048, 1024, 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t pieces;
		char *text = line_of(rows[i].paths, rows[i].bytes, &pieces);
		json_t *json = json_loads(text, 0, NULL);

		assert_int_equal(pieces, rows[i].pieces);
		assert_int_equal(json_array_size(json_object_get(json, "paths")), rows[i].paths);
		assert_int_equal(json_integer_value(json_object_get(json, "revision")), 12);
		assert_string_equal(json_string_value(json_object_get(json, "gateway")), "gw-a");
		json_decref(json);
		free(text);
	}
}

/* One that is given up half way. */
static void line__free_early(void **state)
{
	struct shared_text *text = shared_text_make("{}", 2);
	const struct intent_head head = {1, 1, "g"};
	struct intent_line line;
	size_t len;

	(void)state;
	assert_int_equal(intent_line_begin(&line, 2), 0);
	intent_line_add(&line, text);
	intent_line_add(&line, text);
	intent_line_free(&line);
	assert_int_equal(intent_line_begin(&line, 1), 0);
	intent_line_add(&line, text);
	free(intent_line_piece(&line, &head, &len));
	intent_line_free(&line);
	assert_int_equal(text->refs, 1);
	shared_text_drop(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text__is_bounded),
		cmocka_unit_test(text__is_json),
		cmocka_unit_test(line__pieces),
		cmocka_unit_test(line__free_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "perf/top.h"

#include <errno.h>
#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_WAIT_MS 100
#define COLOR_ALARM 1
#define KEY_ESCAPE  27

static volatile sig_atomic_t stopped;

struct screen {
	SCREEN *terminal;
	struct counter_reader *reader;
	const char *file;
	struct snapshot *before, *after;
	struct page page;
	enum top_sort sort;
	bool is_paused, shows_help, shows_path, wants_draw;
	bool keeps_in_sight; /* the selected line; not while somebody scrolls */
	int first_line;
	char selected[CW_NAME_BYTES]; /* name of a path; empty: none */
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void signals_catch(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A restarted gateway has put a new file in the place of the one we look at. */
static void reader_follow(struct screen *screen)
{
	struct counter_reader *fresh;
	char error[256];

	if (counter_reader_is_current(screen->reader))
		return;
	fresh = counter_reader_open(screen->file, error, sizeof(error));
	if (!fresh)
		return; /* gone for now: the page says that the heartbeat has stopped */
	counter_reader_close(screen->reader);
	screen->reader = fresh;
}

static void snapshot_next(struct screen *screen)
{
	struct snapshot *snapshot;

	reader_follow(screen);
	snapshot = counter_reader_take(screen->reader);
	if (!snapshot)
		return;
	counter_snapshot_free(screen->before);
	screen->before = screen->after;
	screen->after = snapshot;
	screen->wants_draw = true;
}

static void help_build(struct page *page)
{
	static const char *const lines[] = {
		"q      quit",
		"p      pause and go on",
		"s      sort ports and paths by name, by rate, by drops",
		"Up, Down    select a path     Enter   all about it     Esc   back",
		"PgUp, PgDn, Home, End   scroll          h, ?   this help; any key goes back",
		"",
		"OUT, IN     goodput: what the far gateway has acknowledged; what this LAN got.",
		"GUARANTEE   what control has promised the path in this direction.",
		"RTT         round trip now; at links also the least of late, and the queue's part.",
		"LOSS        of the DATA frames sent, those taken for lost. They are sent again.",
		"RETAIN      of what may be unacknowledged, how much is. Full: the path waits.",
		"LIMIT       what holds the path back now, and for how much of the time:",
		"  key     no key to seal with          credit  the far end takes no more",
		"  window  too much unacknowledged      rate    max_bps of the path is used up",
		"  link    the link's rate is used up   lowered the link is slower than control said",
		"  port    the WAN port is too slow     worker  no idle time left",
		"  pause   this LAN takes nothing       burst   more at once than the pace",
		"  unproved  the far gateway answers no probe of the path",
		"HELD        inside now: queued, unacknowledged, waiting for order or for the LAN.",
		"IDLE        share of a worker's time without packets to move.",
		"DROPPED AT  every packet that was lost here, with the reason.",
		"LEFT TO KERNEL  packets that no path claims: the kernel routes them.",
	};

	page_clear(page);
	page_add(page, PAGE_TITLE, "causeway-perf top");
	page_add(page, PAGE_PLAIN, "%s", "");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		page_add(page, PAGE_PLAIN, "%s", lines[i]);
}

static attr_t style_attr(enum page_style style)
{
	switch (style) {
	case PAGE_TITLE:
		return A_BOLD;
	case PAGE_HEADING:
		return A_REVERSE;
	case PAGE_WARNING:
		return A_BOLD | (has_colors() ? (attr_t)COLOR_PAIR(COLOR_ALARM) : 0);
	case PAGE_SELECTED:
		return A_BOLD | A_UNDERLINE;
	default:
		return A_NORMAL;
	}
}

static void line_draw(int row, const struct page_line *line)
{
	attrset((attr_t)style_attr(line->style));
	mvaddnstr(row, 0, line->text, COLS);
	/* A heading's bar reaches over the whole width. */
	for (int column = getcurx(stdscr);
	     line->style == PAGE_HEADING && column < COLS && (int)strlen(line->text) < COLS;
	     column++)
		mvaddch(row, column, ' ');
	attrset(A_NORMAL);
}

static void scroll_clamp(struct screen *screen)
{
	int last = (int)screen->page.count - (LINES - 1);
	int line = (int)screen->page.selected;

	if (screen->keeps_in_sight && screen->page.selected != PAGE_NO_LINE) {
		if (line < screen->first_line)
			screen->first_line = line;
		if (line > screen->first_line + LINES - 2)
			screen->first_line = line - (LINES - 2);
	}
	if (screen->first_line > last)
		screen->first_line = last;
	if (screen->first_line < 0)
		screen->first_line = 0;
}

static void content_build(struct screen *screen)
{
	if (screen->shows_help) {
		help_build(&screen->page);
	} else if (screen->shows_path) {
		top_path_build(&screen->page, screen->before, screen->after, screen->selected);
	} else {
		top_sort_snapshot(screen->after, screen->before, screen->sort);
		top_page_build(&screen->page, screen->before, screen->after, screen->selected);
	}
}

static void keys_draw(const struct screen *screen)
{
	attrset(A_DIM);
	mvprintw(LINES - 1, 0, "q quit  p %s  s sort: %s  %s  h help%s",
		 screen->is_paused ? "go on (paused)" : "pause", top_sort_name(screen->sort),
		 screen->shows_path ? "Esc back" : "Enter path",
		 (int)screen->page.count > LINES - 1 ? "  PgDn more" : "");
	attrset(A_NORMAL);
}

static void screen_draw(struct screen *screen)
{
	struct page *page = &screen->page;

	screen->wants_draw = false;
	content_build(screen);
	scroll_clamp(screen);
	erase();
	for (int row = 0; row < LINES - 1; row++) {
		uint32_t index = (uint32_t)(row + screen->first_line);

		if (index < page->count)
			line_draw(row, &page->lines[index]);
	}
	keys_draw(screen);
	refresh();
}

/* The next path in the order of the table, or the one before; where none is selected, the first. */
static void select_step(struct screen *screen, int step)
{
	const struct snapshot *now = screen->after;
	int at = -1, count = now ? (int)now->path_count : 0;

	for (int i = 0; i < count; i++)
		if (!strcmp(now->paths[i].facts.name, screen->selected))
			at = i;
	at = at < 0 ? 0 : at + step;
	if (at >= 0 && at < count)
		memcpy(screen->selected, now->paths[at].facts.name, sizeof(screen->selected));
	screen->keeps_in_sight = true;
}

static void key_scroll(struct screen *screen, int key)
{
	screen->keeps_in_sight &= key == KEY_RESIZE;
	switch (key) {
	case KEY_PPAGE:
		screen->first_line -= LINES - 2;
		break;
	case KEY_NPAGE:
		screen->first_line += LINES - 2;
		break;
	case KEY_HOME:
		screen->first_line = 0;
		break;
	case KEY_END:
		screen->first_line = (int)screen->page.count;
		break;
	}
}

/* The page of the selected path, or of the first one; again: back. */
static void path_toggle(struct screen *screen)
{
	if (!screen->selected[0])
		select_step(screen, 0);
	screen->shows_path = !screen->shows_path && screen->selected[0];
	screen->first_line = 0;
}

/* Keys that lead from page to page, and along one. */
static void key_move(struct screen *screen, int key)
{
	switch (key) {
	case KEY_UP:
	case KEY_DOWN:
		select_step(screen, key == KEY_UP ? -1 : 1);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		path_toggle(screen);
		break;
	case KEY_ESCAPE:
	case KEY_BACKSPACE:
		if (screen->shows_path)
			path_toggle(screen);
		break;
	default:
		key_scroll(screen, key);
	}
}

/* Stops the program by `stopped`. */
static void key_handle(struct screen *screen, int key)
{
	screen->wants_draw = true;
	if (screen->shows_help && key != KEY_RESIZE) {
		screen->shows_help = false;
		if (key != 'q')
			return;
	}
	switch (key) {
	case 'q':
	case 'Q':
		stopped = 1;
		break;
	case 'p':
		screen->is_paused = !screen->is_paused;
		break;
	case 's':
		screen->sort = (screen->sort + 1) % TOP_SORT_COUNT;
		break;
	case 'h':
	case '?':
		screen->shows_help = true;
		screen->first_line = 0;
		break;
	default:
		key_move(screen, key);
	}
}

static void screen_loop(struct screen *screen, uint64_t interval_ns)
{
	uint64_t next_ns = 0;

	while (!stopped) {
		int key;

		if (now_ns() >= next_ns) {
			if (!screen->is_paused)
				snapshot_next(screen);
			next_ns = now_ns() + interval_ns;
		}
		if (screen->wants_draw && screen->after)
			screen_draw(screen);
		key = getch();
		if (key != ERR)
			key_handle(screen, key);
		else if (!isatty(STDIN_FILENO))
			break; /* the terminal is gone */
	}
}

static int terminal_open(struct screen *screen)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "causeway-perf: the live screen needs a terminal: use --once\n");
		return 2;
	}
	screen->terminal = newterm(NULL, stdout, stdin);
	if (!screen->terminal) {
		fprintf(stderr, "causeway-perf: unknown terminal: set TERM, or use --once\n");
		return 2;
	}
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	timeout(KEY_WAIT_MS);
	if (has_colors() && start_color() == OK && use_default_colors() == OK)
		init_pair(COLOR_ALARM, COLOR_RED, -1);
	return 0;
}

int top_screen_run(const char *file, uint64_t interval_ns, const char *path_name)
{
	struct screen screen = {.file = file, .shows_path = path_name != NULL};
	char error[256];
	int code;

	snprintf(screen.selected, sizeof(screen.selected), "%s", path_name ? path_name : "");
	screen.reader = counter_reader_open(file, error, sizeof(error));
	if (!screen.reader) {
		fprintf(stderr, "causeway-perf: %s\n", error);
		return 3;
	}
	signals_catch();
	code = terminal_open(&screen);
	if (!code) {
		screen_loop(&screen, interval_ns);
		endwin();
		delscreen(screen.terminal);
	}
	page_free(&screen.page);
	counter_snapshot_free(screen.before);
	counter_snapshot_free(screen.after);
	counter_reader_close(screen.reader);
	return code;
}

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

static volatile sig_atomic_t stopped;

struct screen {
	SCREEN *terminal;
	struct counter_reader *reader;
	const char *path;
	struct snapshot *before, *after;
	struct page page;
	enum top_sort sort;
	bool is_paused, shows_help, wants_draw;
	int first_line;
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
	fresh = counter_reader_open(screen->path, error, sizeof(error));
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
		"h, ?   this help; any key goes back",
		"Up, Down, PgUp, PgDn, Home   scroll",
		"",
		"ENTERS, LEAVES  inner packets of a path, in and out of this gateway.",
		"  out: from the LAN into the tunnel; in: from the tunnel to the LAN.",
		"GUARANTEE       what control has promised the path in this direction.",
		"HELD            packets inside now: queued, or waiting to be complete.",
		"IDLE            share of a worker's time without packets to move.",
		"DROPPED AT      every packet that was lost here, with the reason.",
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

	if (screen->first_line > last)
		screen->first_line = last;
	if (screen->first_line < 0)
		screen->first_line = 0;
}

static void screen_draw(struct screen *screen)
{
	struct page *page = &screen->page;

	screen->wants_draw = false;
	if (screen->shows_help) {
		help_build(page);
	} else {
		top_sort_snapshot(screen->after, screen->before, screen->sort);
		top_page_build(page, screen->before, screen->after);
	}
	scroll_clamp(screen);
	erase();
	for (int row = 0; row < LINES - 1; row++) {
		uint32_t index = (uint32_t)(row + screen->first_line);

		if (index < page->count)
			line_draw(row, &page->lines[index]);
	}
	attrset(A_DIM);
	mvprintw(LINES - 1, 0, "q quit  p %s  s sort: %s  h help%s",
		 screen->is_paused ? "go on (paused)" : "pause", top_sort_name(screen->sort),
		 (int)page->count > LINES - 1 ? "  arrows: more" : "");
	attrset(A_NORMAL);
	refresh();
}

static void key_scroll(struct screen *screen, int key)
{
	switch (key) {
	case KEY_UP:
		screen->first_line--;
		break;
	case KEY_DOWN:
		screen->first_line++;
		break;
	case KEY_PPAGE:
		screen->first_line -= LINES - 2;
		break;
	case KEY_NPAGE:
		screen->first_line += LINES - 2;
		break;
	case KEY_HOME:
		screen->first_line = 0;
		break;
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
		key_scroll(screen, key);
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

int top_screen_run(const char *path, uint64_t interval_ns)
{
	struct screen screen = {.path = path};
	char error[256];
	int code;

	screen.reader = counter_reader_open(path, error, sizeof(error));
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

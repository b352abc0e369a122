#include "control/core/rfc3339.h"

#include <errno.h>
#include <stdbool.h>

#define NS_PER_S  1000000000ull
#define S_PER_DAY 86400
#define YEAR_MIN  1970
#define YEAR_MAX  2500

/* Days since 1970-01-01 of a day in the Gregorian calendar (H. Hinnant, days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t era, year_of_era, day_of_year;

	year -= month <= 2;
	era = year / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t shifted = days + 719468, era = shifted / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
	int64_t march_month = (5 * of_year + 2) / 153;

	*day = of_year - (153 * march_month + 2) / 5 + 1;
	*month = march_month < 10 ? march_month + 3 : march_month - 9;
	*year = years + era * 400 + (*month <= 2);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* So many digits and what must follow them; false when it is not so. */
static bool number_take(const char **at, int digits, char behind, int64_t *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++) {
		if (!is_digit(**at))
			return false;
		*number = *number * 10 + (*(*at)++ - '0');
	}
	if (!behind)
		return true;
	return *(*at)++ == behind;
}

static bool fraction_take(const char **at, uint64_t *ns)
{
	uint64_t scale = NS_PER_S;

	*ns = 0;
	if (**at != '.')
		return true;
	(*at)++;
	if (!is_digit(**at))
		return false;
	for (; is_digit(**at); (*at)++) {
		scale /= 10;
		if (!scale)
			return false;
		*ns += (uint64_t)(**at - '0') * scale;
	}
	return true;
}

/* "Z" or "+01:00", to the end. */
static bool offset_take(const char *at, int64_t *offset_s)
{
	bool is_west = *at == '-';
	int64_t hours, minutes;

	*offset_s = 0;
	if (*at == 'Z' || *at == 'z')
		return !at[1];
	if (*at != '+' && !is_west)
		return false;
	at++;
	if (!number_take(&at, 2, ':', &hours) || !number_take(&at, 2, 0, &minutes) || *at ||
	    hours > 23 || minutes > 59)
		return false;
	*offset_s = (hours * 60 + minutes) * (is_west ? -60 : 60);
	return true;
}

static bool day_is_there(int64_t year, int64_t month, int64_t day)
{
	int64_t back[3];

	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	date_of(days_of(year, month, day), &back[0], &back[1], &back[2]);
	return back[1] == month;
}

int rfc3339_parse(const char *text, uint64_t *ns)
{
	int64_t year, month, day, hour, minute, second, offset_s, whole_s;
	uint64_t fraction_ns;

	if (!number_take(&text, 4, '-', &year) || !number_take(&text, 2, '-', &month) ||
	    !number_take(&text, 2, 0, &day) || (*text != 'T' && *text != 't'))
		return -EINVAL;
	text++;
	if (!number_take(&text, 2, ':', &hour) || !number_take(&text, 2, ':', &minute) ||
	    !number_take(&text, 2, 0, &second) || !fraction_take(&text, &fraction_ns) ||
	    !offset_take(text, &offset_s))
		return -EINVAL;
	if (!day_is_there(year, month, day) || hour > 23 || minute > 59 || second > 59)
		return -EINVAL;
	whole_s = days_of(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second -
		  offset_s;
	if (whole_s < 0)
		return -EINVAL;
	*ns = (uint64_t)whole_s * NS_PER_S + fraction_ns;
	return 0;
}

static char *number_put(char *at, int64_t number, int digits, char behind)
{
	for (int i = digits - 1; i >= 0; i--) {
		at[i] = (char)('0' + number % 10);
		number /= 10;
	}
	at[digits] = behind;
	return at + digits + 1;
}

void rfc3339_format(uint64_t ns, char out[RFC3339_TEXT_BYTES])
{
	int64_t seconds = (int64_t)(ns / NS_PER_S), fraction = (int64_t)(ns % NS_PER_S);
	int64_t in_day = seconds % S_PER_DAY, year, month, day;
	int digits = 9;

	date_of(seconds / S_PER_DAY, &year, &month, &day);
	out = number_put(out, year, 4, '-');
	out = number_put(out, month, 2, '-');
	out = number_put(out, day, 2, 'T');
	out = number_put(out, in_day / 3600, 2, ':');
	out = number_put(out, in_day / 60 % 60, 2, ':');
	out = number_put(out, in_day % 60, 2, fraction ? '.' : 'Z');
	for (; fraction && fraction % 10 == 0; digits--)
		fraction /= 10;
	if (fraction)
		out = number_put(out, fraction, digits, 'Z');
	*out = 0;
}

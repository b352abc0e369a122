#include "dataplane/abi/drop.h"

#include <stddef.h>

#define DROP_NAME(symbol, name, help) [symbol] = name,
static const char *const names[] = {DROP_REASONS(DROP_NAME)};
#define DROP_HELP(symbol, name, help) [symbol] = help,
static const char *const helps[] = {DROP_REASONS(DROP_HELP)};

const char *drop_name(unsigned int drop)
{
	return drop < DROP_COUNT ? names[drop] : NULL;
}

const char *drop_help(unsigned int drop)
{
	return drop < DROP_COUNT ? helps[drop] : NULL;
}

/*
 * causeway-roce: a RoCEv2 endpoint for tests; see --help.
 */
#include "tests/roce/run.h"

int main(int argc, char **argv)
{
	static struct options options;
	static struct report report;
	int code = options_read(&options, argc, argv);

	if (code >= 0)
		return code;
	if ((options.is_send ? send_run : receive_run)(&options, &report) < 0)
		return 2;
	(options.is_json ? report_print_json : report_print)(&report, stdout);
	return report.is_ok ? 0 : 1;
}

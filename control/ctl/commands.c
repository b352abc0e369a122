#include <stddef.h>

#include "control/ctl/command.h"
#include "control/ctl/run.h"

const struct option_def global_options[] = {
	{"output", 'o', "table|json", false, "what to print (table)"},
	{"url", 0, "URL", false, "where control listens (env CAUSEWAY_URL, " CTL_DEFAULT_URL ")"},
	{"timeout", 0, "TIME", false, "how long to wait, such as 30s (10s; with --wait 30s)"},
	{"help", 'h', NULL, false, "explain the command"},
	{"version", 0, NULL, false, "print the version"},
	{NULL},
};

#define KINDS "sites, gateways, links, classes, paths"

const struct command commands[] = {
	{
		.noun = "apply",
		.options = {{"file", 'f', "FILE", false, "YAML or JSON; - is standard input"}},
		.summary = "create or change all objects of a file, in one step",
		.details =
			"The file holds documents {kind, name, spec, labels}, or lists of them, or\n"
			"what `get -o json` prints. Either all are taken or none.\n",
		.run = run_apply,
	},
	{
		.noun = "get",
		.args = "KIND [NAME]",
		.args_min = 1,
		.args_max = 2,
		.summary = "list objects, or show one",
		.details = "KIND is one of " KINDS ", singular or plural.\n",
		.run = run_get,
	},
	{
		.noun = "delete",
		.args = "KIND NAME",
		.args_min = 2,
		.args_max = 2,
		.summary = "delete an object",
		.details = "KIND is one of sites, gateways, links, paths, singular or plural.\n",
		.run = run_delete,
	},
	{
		.noun = "path",
		.verb = "create",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options =
			{
				{"from", 0, "SITE[:PREFIX,...]", false,
				 "the a site; only these prefixes of it"},
				{"to", 0, "SITE[:PREFIX,...]", false, "the z site, likewise"},
				{"rate", 0, "RATE", false,
				 "guaranteed each way, such as 1G; or A_TO_Z/Z_TO_A"},
				{"max", 0, "RATE", false, "shaped to (as guaranteed)"},
				{"class", 0, "CLASS", false,
				 "lossless, bulk or control (lossless)"},
				{"when-down", 0, "WHAT", false,
				 "block its traffic while no gateway carries it, or best_effort (block)"},
				{"match", 0, "SPEC", true, "traffic to take, may repeat (any)"},
				{"wait", 0, "[=STATE]", false,
				 "until the state is reached (active)"},
			},
		.summary = "ask for a path between two sites",
		.details =
			"SPEC is PROTOCOL[:PORTS,...][@dscpN,...], where PROTOCOL is tcp, udp, rocev2,\n"
			"icmp-echo or any: tcp:5000-5999  udp:53,5000-5999  rocev2  any@dscp26,dscp34\n"
			"A path of that name and the same spec is left as it is.\n",
		.run = run_path_create,
	},
	{
		.noun = "path",
		.verb = "show",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options = {{"wait", 0, "[=STATE]", false, "until the state is reached (active)"}},
		.summary = "show one path: state, gateways, history",
		.run = run_path_show,
	},
	{
		.noun = "path",
		.verb = "rm",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options = {{"wait", 0, NULL, false, "until it is gone"}},
		.summary = "release a path; its traffic goes back to the kernel, in clear",
		.run = run_path_rm,
	},
	{
		.noun = "path",
		.verb = "list",
		.summary = "list paths",
		.run = run_path_list,
	},
	{
		.noun = "status",
		.summary = "the whole at a glance: gateways, links, paths",
		.run = run_status,
	},
	{NULL},
};

#include <stddef.h>

#include "control/ctl/command.h"
#include "control/ctl/run.h"

const struct option_def global_options[] = {
	{"output", 'o', "table|json", false, "what to print (table)"},
	{"url", 0, "URL", false, "where control listens (env CAUSEWAY_URL, " CTL_DEFAULT_URL ")"},
	{"ca", 0, "FILE", false, "for https: who vouches for control (env CAUSEWAY_CA)"},
	{"cert", 0, "FILE", false, "your own certificate (env CAUSEWAY_CERT)"},
	{"key", 0, "FILE", false, "its private key (env CAUSEWAY_KEY)"},
	{"timeout", 0, "TIME", false, "how long to wait, such as 30s (10s; with --wait 30s)"},
	{"help", 'h', NULL, false, "explain the command"},
	{"version", 0, NULL, false, "print the version"},
	{NULL},
};

#define KINDS "sites, gateways, links, classes, tenants, paths, clusters"

/* What a path is asked for by: of `path create` and of `offer`. */
/* clang-format off */
#define PATH_OPTIONS \
	{"from", 0, "SITE[:PREFIX,...]", false, \
	"the a site; only these prefixes of it"}, \
	{"to", 0, "SITE[:PREFIX,...]", false, "the z site, likewise"}, \
	{"rate", 0, "RATE", false, \
	"guaranteed each way, such as 1G; or A_TO_Z/Z_TO_A"}, \
	{"max", 0, "RATE", false, "shaped to (as guaranteed)"}, \
	{"class", 0, "CLASS", false, \
	"lossless, bulk or control (lossless)"}, \
	{"when-down", 0, "WHAT", false, \
	"block its traffic while no gateway carries it, or best_effort (block)"}, \
	{"match", 0, "SPEC", true, "traffic to take, may repeat (any)"}, \
	{"tenant", 0, "NAME", false, "whose it is"}, \
	{"rtt-max", 0, "TIME", false, "only over a link that is so fast"}, \
	{"diverse-from", 0, "PATH", false, \
	"share no risk with that path's link"}, \
	{"protection", 0, "WHAT", false, \
	"1:1 keeps a second link ready, which shares no risk (none)"}, \
	{"link", 0, "LINK", false, "only over this link"}, \
	{"start", 0, "WHEN", false, \
	"RFC 3339, such as 2026-12-01T08:00:00Z"}, \
	{"end", 0, "WHEN", false, "likewise (never)"}, \
	{"lease", 0, "TIME", false, \
	"let it expire unless `path renew` comes in time"}, \
	{"hold", 0, "TIME", false, \
	"only hold it; `path commit` within that time makes it real"}
/* clang-format on */

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
		.options =
			{
				{"label", 'l', "KEY[=VALUE]", true, "only with this label"},
				{"state", 0, "STATE", false, "only paths in this state"},
			},
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
		.details =
			"KIND is one of sites, gateways, links, tenants, paths, clusters, singular or plural.\n",
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
				PATH_OPTIONS,
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
		.noun = "path",
		.verb = "commit",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options = {{"wait", 0, "[=STATE]", false, "until the state is reached (active)"}},
		.summary = "make a held path real",
		.run = run_path_commit,
	},
	{
		.noun = "path",
		.verb = "abort",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.summary = "give a held path back",
		.run = run_path_abort,
	},
	{
		.noun = "path",
		.verb = "renew",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.summary = "extend a path with a lease by the length of its lease",
		.run = run_path_renew,
	},
	{
		.noun = "path",
		.verb = "move",
		.args = "NAME [LINK]",
		.args_min = 1,
		.args_max = 2,
		.options = {{"wait", 0, "[=STATE]", false, "until the state is reached (active)"}},
		.summary = "send a path to another link, while the old one carries it",
		.details =
			"LINK becomes part of its spec: it stays there until it fails, is down, or the\n"
			"path is moved again. Without LINK control chooses, when it has to.\n",
		.run = run_path_move,
	},
	{
		.noun = "path",
		.verb = "history",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.summary = "what became of a path, and who asked for it",
		.run = run_path_history,
	},
	{
		.noun = "offer",
		.options = {PATH_OPTIONS},
		.summary = "ask whether a path would be admitted now, and if not, what would",
		.details = "Nothing is created or held. Exit 1: not as asked.\n",
		.run = run_offer,
	},
	{
		.noun = "cluster",
		.verb = "create",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options =
			{
				{"members", 0, "SITE[:NxM],...", false,
				 "2 to 12 sites; each with N nodes of M accelerators (1x8)"},
				{"pattern", 0, "WHAT", false, "ring or tree (ring)"},
				{"rate", 0, "RATE", false,
				 "of each path; or what it follows from:"},
				{"bytes-per-step", 0, "SIZE", false,
				 "that all members reduce together in a step"},
				{"step-period", 0, "TIME", false,
				 "a step's, when nothing waits for the network"},
				{"efficiency", 0, "PERCENT", false, "to reach with these bytes"},
				{"overlap", 0, "PERCENT", false,
				 "of a step that computes beside communication (50)"},
				{"class", 0, "CLASS", false,
				 "lossless, bulk or control (lossless)"},
				{"when-down", 0, "WHAT", false, "block or best_effort (block)"},
				{"match", 0, "SPEC", true, "traffic to take, may repeat (any)"},
				{"tenant", 0, "NAME", false, "whose it is"},
				{"wait", 0, NULL, false, "until all of its paths are active"},
			},
		.summary = "ask for a virtual cluster: all paths between its sites, or none",
		.details =
			"A matrix of rates, windows and leases are for `apply`. The same name again\n"
			"replaces the cluster: paths that stay are changed in place.\n",
		.run = run_cluster_create,
	},
	{
		.noun = "cluster",
		.verb = "show",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options = {{"wait", 0, NULL, false, "until all of its paths are active"}},
		.summary = "show one: paths, ring, narrowest cut, expected step efficiency",
		.run = run_cluster_show,
	},
	{
		.noun = "cluster",
		.verb = "nccl-env",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options = {{"site", 0, "SITE", false, "of which member (the first)"}},
		.summary = "print the job's settings for NCCL or Gloo, for a shell to read",
		.details = "source <(causewayctl cluster nccl-env NAME --site SITE)\n",
		.run = run_cluster_env,
	},
	{
		.noun = "link",
		.verb = "drain",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.options = {{"plan", 0, NULL, false, "only show which paths would go where"}},
		.summary = "let a link take no path; those that it has go to others, one by one",
		.details =
			"Each is carried by its old link until the new one is proved. Those that fit\n"
			"nowhere stay. `get link NAME -o json` tells how far it has come.\n",
		.run = run_link_drain,
	},
	{
		.noun = "link",
		.verb = "down",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.summary = "the same, but all paths that can go at once",
		.run = run_link_down,
	},
	{
		.noun = "link",
		.verb = "up",
		.args = "NAME",
		.args_min = 1,
		.args_max = 1,
		.summary = "let a link take paths again",
		.run = run_link_up,
	},
	{
		.noun = "status",
		.summary = "the whole at a glance: gateways, links, paths",
		.run = run_status,
	},
	{
		.noun = "pki",
		.verb = "init",
		.options =
			{
				{"dir", 0, "DIR", false, "where it is kept (pki)"},
				{"domain", 0, "NAME", false, "the trust domain (causeway)"},
				{"days", 0, "N", false, "how long it is good (3650)"},
			},
		.summary = "make a certificate authority: DIR/ca.crt and DIR/ca.key",
		.is_local = true,
		.run = run_pki_init,
	},
	{
		.noun = "pki",
		.verb = "issue",
		.args = "ROLE NAME",
		.args_min = 2,
		.args_max = 2,
		.options =
			{
				{"dir", 0, "DIR", false, "where the authority is kept (pki)"},
				{"tenant", 0, "NAME", false,
				 "of a viewer or scheduler: only this one's paths"},
				{"site", 0, "NAME", false, "of a gateway"},
				{"host", 0, "HOST", true,
				 "of control: a name or address that clients dial"},
				{"days", 0, "N", false, "how long it is good (365)"},
			},
		.summary = "issue a certificate and its key, or renew them",
		.details =
			"ROLE is one of\n"
			"  control    the server; --host for each name and address that clients dial\n"
			"  gateway    NAME as control knows it: gets its own intent, sends its own reports\n"
			"  viewer     may read\n"
			"  scheduler  and ask for paths\n"
			"  operator   and change sites, gateways and links\n"
			"  admin      and all the rest\n"
			"After a renewal: systemctl reload causeway-control. Gateways and causewayctl read\n"
			"their files at each connection.\n",
		.is_local = true,
		.run = run_pki_issue,
	},
	{
		.noun = "pki",
		.verb = "revoke",
		.args = "FILE | ROLE NAME",
		.args_min = 1,
		.args_max = 2,
		.options =
			{
				{"dir", 0, "DIR", false, "where the authority is kept (pki)"},
				{"tenant", 0, "NAME", false,
				 "of a viewer or scheduler that has one"},
			},
		.summary = "take a certificate back: puts it on the list DIR/ca.crl",
		.details =
			"ROLE NAME means the certificate that DIR has of them; FILE is any that the\n"
			"authority issued, such as one that was renewed since. Who is to refuse it needs\n"
			"the list: crl beside ca in tls of control's configuration and in control of a\n"
			"gateway's. Control reads it again at SIGHUP and ends the connections of those on\n"
			"it; gateways see by themselves that it has changed.\n",
		.is_local = true,
		.run = run_pki_revoke,
	},
	{
		.noun = "watch",
		.options =
			{
				{"since", 0, "REVISION", false, "begin behind it (now)"},
				{"kind", 0, "KIND", false, "only this kind: paths, links, ..."},
			},
		.summary = "print each change of what is wanted, a JSON object a line, as it comes",
		.run = run_watch,
	},
	{
		.noun = "events",
		.options = {{"since", 0, "NUMBER", false, "begin behind it (now)"}},
		.summary = "print what happens to paths and gateways, likewise",
		.run = run_events,
	},
	{
		.noun = "usage",
		.options =
			{
				{"path", 0, "NAME", false, "only this path's"},
				{"tenant", 0, "NAME", false, "only this tenant's"},
				{"from", 0, "TIME", false,
				 "intervals that begin then or later: 2026-11-22T10:00:00Z"},
				{"to", 0, "TIME", false, "and before then"},
				{"csv", 0, NULL, false,
				 "for other programs: all counts, comma separated"},
			},
		.summary = "what paths carried: a record for each path and interval",
		.details =
			"Bytes are what entered the path at the side where the direction begins, arrived\n"
			"what left it at the other one. Stall: time for which data waited for the far end\n"
			"to acknowledge; all reasons are in the JSON and CSV.\n",
		.run = run_usage,
	},
	{
		.noun = "topology",
		.options = {{"format", 0, "json|dot|slurm", false, "of the output (json)"}},
		.summary = "print sites, gateways and links, for Graphviz or Slurm's topology.conf",
		.run = run_topology,
	},
	{
		.noun = "explain",
		.args = "KIND NAME",
		.args_min = 2,
		.args_max = 2,
		.summary = "tell why a path or cluster is as it is, and what comes next",
		.details =
			"KIND is path or cluster. Its state machine by machine, the links between its\n"
			"sites and why it is not on the others, what it books and how much is left, when\n"
			"what comes next, and what can be done.\n",
		.run = run_explain,
	},
	{
		.noun = "validate",
		.summary = "compare what gateways are to do with what they report",
		.details = "Nothing is changed. Exit 0: no differences; 2: differences.\n",
		.run = run_validate,
	},
	{
		.noun = "backup",
		.args = "FILE",
		.args_min = 1,
		.args_max = 1,
		.summary = "copy control's store to a new file, while control runs",
		.details =
			"For an admin. The copy is checked; an existing file is never replaced.\n",
		.run = run_backup,
	},
	{
		.noun = "restore",
		.args = "FILE",
		.args_min = 1,
		.args_max = 1,
		.options =
			{
				{"store", 0, "FILE", false, "control's store"},
				{"config", 0, "FILE", false,
				 "or control's configuration, which names it "
				 "(/etc/causeway/control.yaml)"},
			},
		.summary = "make a backup the content of control's store, while no control runs",
		.details = "On control's machine, as its user. As causeway-control --restore.\n",
		.is_local = true,
		.run = run_restore,
	},
	{
		.noun = "completion",
		.summary = "print the completion script for bash",
		.details = "For this shell: source <(causewayctl completion)\n",
		.is_local = true,
		.run = run_completion,
	},
	{
		.noun = "manual",
		.summary = "print the manual page, for man -l -",
		.is_local = true,
		.run = run_manual,
	},
	{NULL},
};

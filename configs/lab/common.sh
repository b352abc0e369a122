# Where things are, messages, the lock and the list of processes. Sourced by configs/lab/lab.

readonly LAB_STATE=/run/causeway-lab
readonly LAB_LOCK=/run/causeway-lab.lock
readonly LAB_CONTROL=10.254.0.1:7700
LAB_BUILD=${CAUSEWAY_BUILD:-$LAB_ROOT/build}
LAB_QUIET=${LAB_QUIET:-}

say() {
	[[ -n $LAB_QUIET ]] || printf '%s\n' "$*" >&2
}

die() {
	printf 'lab: %s\n' "$*" >&2
	exit 1
}

usage_error() {
	printf 'lab: %s; see configs/lab/lab --help\n' "$*" >&2
	exit 2
}

need_root() {
	[[ $EUID -eq 0 ]] || {
		printf 'lab: network namespaces need root: run it with sudo\n' >&2
		exit 2
	}
}

# What the lab consists of, by its settings.
sites() {
	printf 'a\nb\n'
	((LAB_SITES == 2)) || printf 'c\n'
}

gateways() {
	sites | sed 's/^/gw-/'
}

# A line between each two sites: NAME SITE SITE NUMBER
lines() {
	printf 'wan a b 0\n'
	((LAB_SITES == 2)) || printf 'wan-ac a c 1\nwan-bc b c 2\n'
}

namespaces() {
	sites | sed 's/.*/cw-host-&\ncw-gw-&/'
	printf 'cw-wan\ncw-mgmt\n'
}

# is_among WORD WORDS...
is_among() {
	local word

	for word in "${@:2}"; do
		[[ $word != "$1" ]] || return 0
	done
	return 1
}

# line_port LINE SITE: the port of the site's gateway at its end of the line.
line_port() {
	case $1/$2 in
	wan-ac/a | wan-bc/?) printf 'wan1\n' ;;
	*) printf 'wan0\n' ;;
	esac
}

# line_end LINE SITE: the interface in cw-wan.
line_end() {
	[[ $1 == wan ]] && printf 'wan-%s\n' "$2" || printf '%s-%s\n' "${1#wan-}" "$2"
}

need_up() {
	[[ -e $LAB_STATE/up ]] || die "the lab is not up: run configs/lab/lab up first"
	# shellcheck disable=SC1091
	source "$LAB_STATE/settings"
}

# One lab on a machine. The file goes away with the last holder: whoever gets the lock checks that
# the name still leads to the file that is locked.
lab_lock() {
	while :; do
		exec 9>>"$LAB_LOCK"
		flock -n 9 || die "another lab command is at work on this machine; try again when it has ended"
		[[ $LAB_LOCK -ef /proc/self/fd/9 ]] && return
	done
}

lab_unlock() {
	rm -f "$LAB_LOCK"
	exec 9>&-
}

# program NAME: the path of a built program.
program() {
	local path

	case $1 in
	causeway-gateway) path=dataplane/causeway-gateway ;;
	causeway-control) path=control/causeway-control ;;
	causewayctl) path=control/ctl/causewayctl ;;
	causeway-perf) path=perf/causeway-perf ;;
	causeway-wan) path=tests/wan/causeway-wan ;;
	causeway-roce) path=tests/roce/causeway-roce ;;
	esac
	printf '%s/%s\n' "$LAB_BUILD" "$path"
}

# inside NAMESPACE COMMAND...: nsenter, for ip netns exec would hide /sys/fs/bpf.
inside() {
	nsenter --net="/run/netns/$1" -- "${@:2}"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; 1 at the end of the time.
wait_for() {
	local end=$((SECONDS + $1)) what=$2

	shift 2
	until "$@"; do
		((SECONDS < end)) || {
			say "lab: waited in vain until $what"
			return 1
		}
		sleep 0.05
	done
}

# ---- processes that the lab started: pid and start time, so that a re-used pid is not taken for ours ----

process_started_at() {
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# Field 22, counted behind the command's closing bracket.
	set -- ${stat##*) }
	printf '%s\n' "${20}"
}

# process_start NAME NAMESPACE COMMAND...
process_start() {
	local name=$1 namespace=$2 pid

	shift 2
	wc -l 2>/dev/null <"$LAB_STATE/log/$name" >"$LAB_STATE/lines/$name" || echo 0 >"$LAB_STATE/lines/$name"
	setsid nsenter --net="/run/netns/$namespace" -- "$@" \
		</dev/null >>"$LAB_STATE/log/$name" 2>&1 9>&- &
	pid=$!
	disown "$pid"
	printf '%s %s\n' "$pid" "$(process_started_at "$pid" || echo gone)" >"$LAB_STATE/pids/$name"
}

# process_pid NAME: prints its pid if it still runs.
process_pid() {
	local pid started

	read -r pid started 2>/dev/null <"$LAB_STATE/pids/$1" || return 1
	[[ $(process_started_at "$pid") == "$started" ]] || return 1
	# A zombie of ours does not run any more.
	[[ $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) != Z* ]] || return 1
	printf '%s\n' "$pid"
}

process_is_gone() {
	! process_pid "$1" >/dev/null
}

# process_stop NAME [SIGNAL]: waits for its end; harder after 5 s.
process_stop() {
	local pid

	if pid=$(process_pid "$1"); then
		kill -"${2:-TERM}" "$pid" 2>/dev/null || true
		wait_for 5 "$1 ended" process_is_gone "$1" || kill -KILL "$pid" 2>/dev/null || true
		wait_for 5 "$1 was killed" process_is_gone "$1" || true
	fi
	rm -f "$LAB_STATE/pids/$1"
}

# process_failed NAME...: what their logs say, for an error message.
process_failed() {
	local name

	for name; do
		printf 'lab: the last lines of %s:\n' "$name" >&2
		tail -n 15 "$LAB_STATE/log/$name" 2>/dev/null | sed 's/^/    /' >&2
	done
	die "$* did not do what was waited for"
}

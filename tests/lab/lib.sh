# shellcheck shell=bash
# What the lab tests share. Sourced with the lab's own lock and names: one test at a time.

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=$TESTS/../../configs/lab/lab
GATEWAY=${CAUSEWAY_BUILD:-$TESTS/../../build}/dataplane/causeway-gateway
PERF=${CAUSEWAY_BUILD:-$TESTS/../../build}/perf/causeway-perf
HOST_B=10.102.0.10 HOST_B6=fd02::10
FAILED=0 CHECKS=0
WORK=$(mktemp -d)

skip() {
	printf 'SKIPPED: %s\n' "$*"
	rm -rf "$WORK"
	exit 77
}

[[ $EUID -eq 0 ]] || skip "needs root"
for tool in jq iperf3 ping tcpdump ethtool python3; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done
[[ ! -e /run/causeway-lab ]] || skip "a lab is up on this machine; configs/lab/lab down, then again"

lab() {
	"$LAB" "$@"
}

at() { # PLACE COMMAND...
	nsenter --net="/run/netns/cw-$1" -- "${@:2}"
}

# spawn PLACE COMMAND...: in the background, and $! is the command itself, which a signal then reaches.
spawn() {
	nsenter --net="/run/netns/cw-$1" -- "${@:2}" &
}

step() {
	printf '== %s (%ss)\n' "$*" "$SECONDS"
}

# check TEXT COMMAND...: goes on after a failure, so that one run tells all.
check() {
	local text=$1

	shift
	CHECKS=$((CHECKS + 1))
	if "$@"; then
		printf 'ok: %s\n' "$text"
	else
		printf 'NOT OK: %s\n' "$text"
		FAILED=$((FAILED + 1))
	fi
}

# must TEXT COMMAND...: nothing behind it makes sense without it.
must() {
	local text=$1

	shift
	"$@" || {
		printf 'NOT OK: %s\n' "$text"
		exit 1
	}
	CHECKS=$((CHECKS + 1))
}

clean() {
	local code=$?

	trap - EXIT
	set +e
	if ((code != 0 || FAILED)) && [[ -d /run/causeway-lab/log ]]; then
		for log in /run/causeway-lab/log/*; do
			printf -- '--- %s\n' "$log"
			tail -n 25 "$log"
		done
		lab status 2>&1
	fi
	! declare -F clean_more >/dev/null || clean_more # what a test made beside the lab
	lab down 2>/dev/null
	rm -rf "$WORK"
	((code == 0)) || exit "$code"
	printf '%s checks, %s failed\n' "$CHECKS" "$FAILED"
	exit $((FAILED > 0))
}
trap clean EXIT
trap 'exit 130' INT TERM

# eventually SECONDS COMMAND...
eventually() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}

# ---- paths and counters ----

path_state() {
	lab ctl -o json path show "${1:-job1}" 2>/dev/null | jq -r '.status.state // "gone"' 2>/dev/null || echo none
}

path_is() { # STATE [NAME]
	[[ $(path_state "${2:-job1}") == "$1" ]]
}

gateway_page() { # GATEWAY
	"$PERF" top --once --json --interval 100ms --counters "/run/causeway-lab/run/$1/counters"
}

# {"lab_lost":N,"gateways":{"gw-a":{"out":{..},"in":{..}},..}}, when all that is under way has arrived.
counters() {
	sleep 0.3
	jq -c -n --argjson a "$(gateway_page gw-a)" --argjson b "$(gateway_page gw-b)" --argjson lost "$(lab_lost)" '
		{lab_lost: $lost, gateways: ([$a, $b | {(.gateway): (.paths[] | select(.name == "job1") | {out, in})}] | add)}'
}

# Control knows the same of what entered and left as COUNTERS, a report later.
reported_alike() { # COUNTERS
	lab ctl -o json path show job1 | jq -e --argjson x "$1" '
		def brief: map_values(map_values({rx_packets, tx_packets}));
		([.status.gateways[] | {(.name): (.counters | {out, in})}] | add | brief) == ($x.gateways | brief)' >/dev/null
}

# What left one tunnel end came in at the other, both ways: AFTER - BEFORE. Frames that the lab's own
# machine lost on the line are not the gateways' fault: then only the direction of the error counts.
ends_agree() { # BEFORE AFTER
	jq -e -n --argjson x "$1" --argjson y "$2" '
		def moved(g; d; f): $y.gateways[g][d][f] - $x.gateways[g][d][f];
		($y.lab_lost - $x.lab_lost) as $lost |
		[moved("gw-a"; "out"; "tx_packets"), moved("gw-b"; "in"; "rx_packets"),
		 moved("gw-b"; "out"; "tx_packets"), moved("gw-a"; "in"; "rx_packets")] as [$a, $b, $c, $d] |
		if $a <= 0 or $c <= 0 then false
		elif $lost > 0 then ("the lab lost \($lost) frames by itself" | debug | $a >= $b and $c >= $d)
		else $a == $b and $c == $d end
		| if . then . else ("a to b: \($a) sent, \($b) arrived; b to a: \($c) sent, \($d) arrived" | debug | false)
		  end' >/dev/null
}

# rx = tx + held + sum(drops), each direction of each gateway.
sums_hold() { # COUNTERS
	jq -e -n --argjson x "$1" '[$x.gateways | to_entries[] | .key as $gateway | .value | to_entries[] |
		.value as $c | ($c.tx_packets + $c.held_packets + ([$c.drops[]] | add // 0)) as $sum |
		select($c.rx_packets != $sum) | "\($gateway) \(.key): rx \($c.rx_packets), accounted \($sum)"] |
		if . == [] then true else (debug | false) end' >/dev/null
}

# Inner packets that entered either tunnel end.
tunnel_packets() { # COUNTERS
	jq '[.gateways[].out.rx_packets] | add' <<<"$1"
}

# ---- traffic ----

pings() { # ADDRESS COUNT [PING-OPTIONS...]: all come back, none twice
	local address=$1 count=$2 output

	shift 2
	output=$(at host-a ping -n -q -c "$count" -i 0.02 -W 2 "$@" "$address") || true
	grep -q " $count received, 0% packet loss" <<<"$output" && ! grep -q -i dup <<<"$output" || {
		printf '%s\n' "$output"
		return 1
	}
}

# iperf ADDRESS PORT OPTIONS...: prints the receiver's bit/s.
iperf() {
	local address=$1 port=$2 result

	shift 2
	at host-b timeout 60 iperf3 -s -1 -p "$port" >/dev/null 2>&1 &
	eventually 5 listens "$port" || return 1
	result=$(at host-a timeout 50 iperf3 -c "$address" -p "$port" --json "$@") || {
		jq -r .error <<<"$result" >&2
		return 1
	}
	jq '.end | (.sum_received // .sum).bits_per_second | floor' <<<"$result"
}

listens() {
	at host-b ss -H -l -t -n "sport = :$1" | grep -q .
}

moves() { # MINIMUM-BPS ADDRESS PORT IPERF-OPTIONS...
	local minimum=$1 bps

	shift
	bps=$(iperf "$@") || return 1
	printf '    %s Mb/s\n' $((bps / 1000000))
	((bps >= minimum))
}

# The same; when one is missing, with what the gateways and the lab dropped.
pings_show() {
	pings "$@" || {
		drops_show
		lab lost
		return 1
	}
}

# stream_start ADDRESS PORT SECONDS [SIZE]: so long at most; whoever looks at it ends it.
stream_start() {
	at host-b python3 "$TESTS/stream.py" receive "$1" "$2" $(($3 + 10)) >"$WORK/stream" &
	STREAM=$!
	eventually 5 stream_listens "$2"
	spawn host-a python3 "$TESTS/stream.py" send "$1" "$2" "$3" 1000 "${4:-200}" >/dev/null 2>"$WORK/sender"
	STREAM_SENDER=$!
	eventually 5 grep -q sending "$WORK/sender"
}

# What the moment before did to it is seen a little later.
stream_end() {
	sleep 0.5
	kill -TERM "$STREAM_SENDER" 2>/dev/null || true
	wait "$STREAM"
}

stream_listens() {
	at host-b ss -H -u -l -n "sport = :$1" | grep -q .
}

# Nothing lost, nothing twice. What the lab lost by itself is said, not blamed on the gateways.
stream_is_whole() {
	stream_end
	stream_show
	jq -e '.ended and .lost == 0 and .duplicates == 0' "$WORK/stream" >/dev/null || {
		drops_show
		return 1
	}
}

stream_lost_nothing() {
	stream_end
	stream_show
	jq -e '.ended and .lost == 0' "$WORK/stream" >/dev/null || {
		drops_show
		return 1
	}
}

# What either gateway dropped and why, for whoever reads of a loss.
drops_show() {
	local gateway

	for gateway in gw-a gw-b; do
		gateway_page "$gateway" | jq -c '(.ports[] | {port: .name, drops: (.drops | with_entries(select(.value > 0)))}),
			(.paths[] | {path: .name, out: .out.drops, in: .in.drops})'
	done
}

# Doubled for as long as a switch takes, not longer.
stream_has_few_duplicates() {
	stream_end
	stream_show
	jq -e '.ended and .duplicates <= 5' "$WORK/stream" >/dev/null
}

stream_has_no_duplicate() {
	stream_end
	stream_show
	jq -e '.ended and .duplicates == 0' "$WORK/stream" >/dev/null
}

stream_show() {
	printf '    %s; lab lost %s\n' "$(cat "$WORK/stream")" "$(lab_lost)"
}

lab_lost() {
	lab lost
}

# ---- the WAN: no kernel may answer a tunnel packet with ICMP ----

unreachable_watch() {
	at wan tcpdump -i wan-a -n -U -w "$WORK/unreachable" \
		'icmp[icmptype] = icmp-unreach or (icmp6 and ip6[40] = 1)' 2>/dev/null &
	WATCH=$!
}

unreachable_none() {
	local lines

	kill "$WATCH" 2>/dev/null
	wait "$WATCH" 2>/dev/null
	lines=$(tcpdump -n -r "$WORK/unreachable" 2>/dev/null)
	[[ -z $lines ]] || {
		head -n 5 <<<"$lines"
		return 1
	}
}

exits_clean_on_term() { # GATEWAY: run by hand, for its exit code
	local name=$1 pid begin code=0

	lab stop "$name"
	# The shell's background job is the gateway itself: nsenter becomes it.
	nsenter --net="/run/netns/cw-$name" -- "$GATEWAY" --config "/run/causeway-lab/config/$name.yaml" \
		>>"/run/causeway-lab/log/$name" 2>&1 &
	pid=$!
	eventually 20 gateway_is_connected "$name" || {
		kill -KILL "$pid"
		return 1
	}
	begin=$(date +%s%N)
	kill -TERM "$pid"
	wait "$pid" || code=$?
	printf '    exit code %s after %s ms\n' "$code" $((($(date +%s%N) - begin) / 1000000))
	((code == 0 && $(date +%s%N) - begin < 2000000000))
}

gateway_is_connected() {
	[[ $(lab ctl -o json get gateways "$1" 2>/dev/null | jq -r .status.connected) == true ]]
}

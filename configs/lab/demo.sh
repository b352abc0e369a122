# demo: what a path changes for a job that shares a full line. Sourced by configs/lab/lab.

readonly DEMO_LINE=200M DEMO_DELAY_MS=5 DEMO_FLOOD=220M DEMO_PATH=100M
readonly DEMO_PORT=5201        # in the range that the path claims
readonly DEMO_FLOOD_PORT=6001  # not claimed: stays with the kernel
readonly DEMO_SECONDS=6

heading() {
	say ""
	say "== $*"
}

demo_serve() { # PORT
	process_start "iperf-$1" cw-host-b iperf3 -s -p "$1"
	wait_for 5 "iperf3 listened on $1" demo_listens "$1"
}

demo_listens() {
	inside cw-host-b ss -H -l -t -n "sport = :$1" | grep -q .
}

demo_flood_start() {
	demo_serve "$DEMO_FLOOD_PORT"
	process_start flood cw-host-a iperf3 -u -c 10.102.0.10 -p "$DEMO_FLOOD_PORT" -b "$DEMO_FLOOD" -l 1400 -t 100
	sleep 1.5 # until it has filled the line's queue
	! process_is_gone flood || process_failed flood
}

# The job's own traffic, then ping: prints {"bps", "retransmits", "ping_ms", ...}.
demo_measure() {
	local throughput ping

	throughput=$(inside cw-host-a timeout 40 iperf3 -c 10.102.0.10 -p "$DEMO_PORT" -t "$DEMO_SECONDS" -C cubic --json) ||
		die "iperf3 failed: $(jq -r '.error // "no connection"' <<<"$throughput" 2>/dev/null)"
	ping=$(inside cw-host-a ping -q -n -i 0.1 -c 30 -W 1 10.102.0.10) || true
	jq -c --arg ping "$ping" '
		($ping | capture("(?<sent>[0-9]+) packets transmitted, (?<got>[0-9]+) received")) as $count |
		(try ($ping | capture("= [0-9.]+/(?<avg>[0-9.]+)/(?<max>[0-9.]+)/")) catch {avg: null, max: null}) as $time |
		{bps: (.end.sum_received.bits_per_second | floor), retransmits: .end.sum_sent.retransmits,
		ping_ms: ($time.avg // null | if . then tonumber else null end),
		ping_max_ms: ($time.max // null | if . then tonumber else null end),
		ping_lost: (($count.sent | tonumber) - ($count.got | tonumber))}' <<<"$throughput"
}

# Inner packets that left the tunnel at either end, as the gateways report them each second.
demo_tunnel_packets() {
	sleep 1.5
	ctl -o json path show job1 | jq '[.status.gateways[].counters.in.tx_packets // 0] | add'
}

demo_result() { # BEFORE AFTER TUNNEL-PACKETS STATE ACTIVATION-MS
	jq -n -c --argjson before "$1" --argjson after "$2" --argjson packets "$3" --arg state "$4" --argjson ms "$5" \
		'{before: $before, after: ($after + {tunnel_packets: $packets}), path_state: $state, activation_ms: $ms}'
}

demo_row() { # LABEL JQ-BEFORE-AND-AFTER RESULT
	local before after

	before=$(jq -r ".before | $2" <<<"$3")
	after=$(jq -r ".after | $2" <<<"$3")
	printf '  %-34s %14s %14s\n' "$1" "$before" "$after"
}

demo_table() {
	printf '\n  %-34s %14s %14s\n' "the job, while others fill the line" "best effort" "with a path"
	printf '  %-34s %14s %14s\n' "----------------------------------" "-----------" "-----------"
	demo_row "TCP throughput" '"\(.bps / 1e4 | round / 100) Mb/s"' "$1"
	demo_row "TCP retransmits" '.retransmits' "$1"
	demo_row "ping, average" 'if .ping_ms then "\(.ping_ms) ms" else "no answer" end' "$1"
	demo_row "ping, worst" 'if .ping_max_ms then "\(.ping_max_ms) ms" else "no answer" end' "$1"
	demo_row "pings lost, of 30" '.ping_lost' "$1"
	demo_row "packets through the tunnel" '.tunnel_packets // 0' "$1"
	jq -r '"\n  The path is \(.path_state); from the request until both ends had proved it: \(.activation_ms) ms."' <<<"$1"
}

# What an operator sees at gateway gw-a in the middle of the job's transfer.
demo_watch() {
	sleep $((DEMO_SECONDS / 2))
	"$(program causeway-perf)" top --once --counters "$LAB_STATE/run/gw-a/counters" >"$LAB_STATE/top" 2>&1 9>&- || true
}

demo_clean() {
	LAB_DEMO_RUNS=
	lab_take_down
}

demo_run() {
	local before after packets_before packets started activation state result

	heading "1. Two sites, a WAN of ${DEMO_LINE}b/s and $DEMO_DELAY_MS ms each way (emulated)"
	lab_up --rate "$DEMO_LINE" --delay "$DEMO_DELAY_MS"
	heading "2. Best-effort traffic of ${DEMO_FLOOD}b/s fills the line; beside it a job's TCP and ping, no path yet"
	demo_serve "$DEMO_PORT"
	demo_flood_start
	before=$(demo_measure)
	heading "3. The scheduler asks for a path with ${DEMO_PATH}b/s guaranteed: causewayctl path create job1 --wait"
	started=$(date +%s%3N)
	path_create job1 "$DEMO_PATH" "" lossless
	activation=$(($(date +%s%3N) - started))
	[[ -n $LAB_QUIET ]] || ctl path show job1 >&2
	heading "4. The same traffic again, in the tunnel; the best-effort load goes on"
	packets_before=$(demo_tunnel_packets)
	demo_watch &
	after=$(demo_measure)
	wait $!
	packets=$(($(demo_tunnel_packets) - packets_before))
	state=$(ctl -o json path show job1 | jq -r .status.state)
	if [[ -z $LAB_QUIET ]]; then
		heading "5. causeway-perf top --once, at gateway gw-a while that TCP ran"
		cat "$LAB_STATE/top" >&2
		heading "6. What the path changed"
	fi
	result=$(demo_result "$before" "$after" "$packets" "$state" "$activation")
	DEMO_RESULT=$result
}

lab_demo() {
	local json=''

	[[ ${1:-} != --json ]] || {
		json=yes
		shift
	}
	(($# == 0)) || usage_error "demo takes --json only"
	[[ ! -e $LAB_STATE ]] || die "a lab is up already: configs/lab/lab down takes it down"
	[[ -z $json ]] || LAB_QUIET=yes
	LAB_DEMO_RUNS=yes
	demo_run
	demo_clean
	if [[ -n $json ]]; then
		printf '%s\n' "$DEMO_RESULT"
	else
		demo_table "$DEMO_RESULT"
		printf '\n  Nothing is left behind. To look around: configs/lab/lab up, then configs/lab/lab --help\n'
	fi
}

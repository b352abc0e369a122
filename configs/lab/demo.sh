# demo: what a path changes for a job, on a line that loses packets and on one that others fill. Sourced by
# configs/lab/lab.

readonly DEMO_LINE=200M DEMO_DELAY_MS=5 DEMO_LOSS=1% DEMO_FLOOD=220M DEMO_PATH=160M
readonly DEMO_PORT=5201        # in the range that the path claims
readonly DEMO_FLOOD_PORT=6001  # not claimed: stays with the kernel
readonly DEMO_RDMA_RATE=120M DEMO_RDMA_SECONDS=3
readonly DEMO_SECONDS=${LAB_DEMO_SECONDS:-4} # of each TCP transfer; a test is content with less

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

# ---- a line that loses packets ----

demo_tcp() { # CONGESTION-CONTROL: prints {"bps", "retransmits"}
	local result

	result=$(inside cw-host-a timeout 40 iperf3 -c 10.102.0.10 -p "$DEMO_PORT" -t "$DEMO_SECONDS" -C "$1" --json) ||
		die "iperf3 failed: $(jq -r '.error // "no connection"' <<<"$result" 2>/dev/null)"
	jq -c '{bps: (.end.sum_received.bits_per_second | floor), retransmits: .end.sum_sent.retransmits}' <<<"$result"
}

demo_rdma_listens() {
	grep -q waiting "$LAB_STATE/log/rdma"
}

# prints {"bps", "resent", "naks", "timeouts"}; resent counts packets, as a share of all in "resent_share"
demo_rdma() {
	local result

	process_start rdma cw-host-b "$(program causeway-roce)" receive --bind 10.102.0.10
	wait_for 5 "the RDMA endpoint waited" demo_rdma_listens || process_failed rdma
	result=$(inside cw-host-a timeout 30 "$(program causeway-roce)" send --json --seconds "$DEMO_RDMA_SECONDS" \
		--rate "$DEMO_RDMA_RATE" 10.102.0.10) || true
	process_stop rdma
	rm -f "$LAB_STATE/log/rdma"
	jq -c '{bps: (.goodput_bps | floor), resent: .resent, naks: .naks, timeouts: .timeouts,
		resent_share: (if .packets > 0 then .resent / .packets else 0 end)}' <<<"$result" ||
		die "the RDMA endpoint failed"
}

demo_transfers() { # prints {"cubic": .., "bbr": .., "rdma": ..}
	jq -n -c --argjson cubic "$(demo_tcp cubic)" --argjson bbr "$(demo_tcp bbr)" --argjson rdma "$(demo_rdma)" \
		'{cubic: $cubic, bbr: $bbr, rdma: $rdma}'
}

demo_has_bbr() {
	grep -q -w bbr /proc/sys/net/ipv4/tcp_available_congestion_control
}

# ---- a line that others fill ----

demo_flood_start() {
	process_start flood cw-host-a iperf3 -u -c 10.102.0.10 -p "$DEMO_FLOOD_PORT" -b "$DEMO_FLOOD" -l 1400 -t 100
	sleep 1.5 # until it has filled the line's queue
	! process_is_gone flood || process_failed flood
}

# The job's own traffic, then ping: prints {"bps", "retransmits", "ping_ms", ...}.
demo_measure() {
	local throughput ping

	throughput=$(demo_tcp cubic)
	ping=$(inside cw-host-a ping -q -n -i 0.1 -c 20 -W 1 10.102.0.10) || true
	jq -c --arg ping "$ping" '
		($ping | capture("(?<sent>[0-9]+) packets transmitted, (?<got>[0-9]+) received")) as $count |
		(try ($ping | capture("= [0-9.]+/(?<avg>[0-9.]+)/(?<max>[0-9.]+)/")) catch {avg: null, max: null}) as $time |
		. + {ping_ms: ($time.avg // null | if . then tonumber else null end),
		ping_max_ms: ($time.max // null | if . then tonumber else null end),
		ping_lost: (($count.sent | tonumber) - ($count.got | tonumber))}' <<<"$throughput"
}

# Inner packets that left the tunnel at either end, as the gateways report them each second.
demo_tunnel_packets() {
	sleep 1.5
	ctl -o json path show job1 | jq '[.status.gateways[].counters.in.tx_packets // 0] | add'
}

# ---- what it says ----

demo_rows() { # TITLE COLUMN...; rows of "label|cell|cell.." on standard input
	local cells cell

	printf '\n  %-24s' "$1"
	shift
	for cell; do
		printf ' %15s' "$cell"
	done
	printf '\n  %-24s' "------------------------"
	for cell; do
		printf ' %15s' "---------------"
	done
	printf '\n'
	while IFS='|' read -r -a cells; do
		printf '  %-24s' "${cells[0]}"
		for cell in "${cells[@]:1}"; do
			printf ' %15s' "$cell"
		done
		printf '\n'
	done
}

demo_loss_table() {
	demo_rows "1 packet in 100 is lost" "plain WAN" "with a path" "path, no loss" < <(jq -r '
		def mbps: "\(. / 1e5 | round / 10) Mb/s";
		def share: "\(. * 1000 | round / 10) %";
		.loss as $l | [$l.plain, $l.path, $l.path_no_loss] as $c |
		"TCP (cubic)|\($c | map(.cubic.bps | mbps) | join("|"))",
		"TCP (bbr)|\($c | map(.bbr.bps | mbps) | join("|"))",
		"RDMA (RoCEv2)|\($c | map(.rdma.bps | mbps) | join("|"))",
		"RDMA packets sent again|\($c | map(.rdma.resent_share | share) | join("|"))"' <<<"$1")
	jq -r '.loss | "
  Plain, cubic takes each loss for congestion and slows down; RDMA sends everything again from the
  lost packet on. bbr looks at rate and delay instead. The path repairs losses by itself, one round trip
  later and in order, so the hosts see none: cubic keeps \(100 * .path.cubic.bps / .path_no_loss.cubic.bps | round) % of what the path carries without any
  loss, bbr \(100 * .path.bbr.bps / .path_no_loss.bbr.bps | round) %, RDMA \(100 * .path.rdma.bps / .path_no_loss.rdma.bps | round) %."' <<<"$1"
}

demo_flood_table() {
	demo_rows "others fill the line" "plain WAN" "with a path" < <(jq -r '
		def ms: if . then "\(.) ms" else "no answer" end;
		[.before, .after] as $c |
		"TCP (cubic)|\($c | map(.bps / 1e5 | "\(round / 10) Mb/s") | join("|"))",
		"ping, average|\($c | map(.ping_ms | ms) | join("|"))",
		"ping, worst|\($c | map(.ping_max_ms | ms) | join("|"))",
		"pings lost, of 20|\($c | map(.ping_lost) | join("|"))"' <<<"$1")
	jq -r '"
  Plain, the job waits in the same full queue as everybody else. The path has \(.rate) guaranteed, and its
  packets bear the DSCP of their class, which the carrier serves first."' <<<"$1"
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

# ---- the order of it all ----

demo_plain() { # sets DEMO_PLAIN, DEMO_BEFORE
	heading "1. Two sites, a WAN of ${DEMO_LINE}b/s and $DEMO_DELAY_MS ms each way (emulated)"
	lab_up --rate "$DEMO_LINE" --delay "$DEMO_DELAY_MS"
	demo_serve "$DEMO_PORT"
	demo_serve "$DEMO_FLOOD_PORT"
	heading "2. No path yet: a job's transfers while the WAN loses $DEMO_LOSS of all packets"
	wan_send wan set loss "$DEMO_LOSS" >/dev/null
	DEMO_PLAIN=$(demo_transfers)
	wan_send wan set loss 0 >/dev/null
	heading "3. Nothing is lost now, but best-effort traffic of ${DEMO_FLOOD}b/s fills the line beside the job"
	demo_flood_start
	DEMO_BEFORE=$(demo_measure)
	process_stop flood
}

demo_request() { # sets DEMO_ACTIVATION_MS
	local started

	heading "4. The scheduler asks for a path with ${DEMO_PATH}b/s guaranteed: causewayctl path create job1 --wait"
	started=$(date +%s%3N)
	path_create job1 "$DEMO_PATH" "" lossless
	DEMO_ACTIVATION_MS=$(($(date +%s%3N) - started))
	[[ -n $LAB_QUIET ]] || ctl path show job1 >&2
}

demo_path() { # sets DEMO_LOSSLESS, DEMO_LOSSY, DEMO_AFTER
	heading "5. The same transfers through the path: without loss, then with $DEMO_LOSS, then beside the best-effort traffic"
	DEMO_LOSSLESS=$(demo_transfers)
	wan_send wan set loss "$DEMO_LOSS" >/dev/null
	demo_watch &
	DEMO_LOSSY=$(demo_transfers)
	wait $!
	wan_send wan set loss 0 >/dev/null
	demo_flood_start
	DEMO_AFTER=$(demo_measure)
	process_stop flood
}

demo_run() {
	local packets state

	demo_has_bbr || modprobe -q tcp_bbr 2>/dev/null || true
	demo_plain
	demo_request
	demo_path
	packets=$(demo_tunnel_packets)
	state=$(ctl -o json path show job1 | jq -r .status.state)
	if [[ -z $LAB_QUIET ]]; then
		heading "6. causeway-perf top --once, at gateway gw-a while TCP (cubic) ran through the path with loss"
		cat "$LAB_STATE/top" >&2
		heading "7. What the path changed"
	fi
	DEMO_RESULT=$(jq -n -c --arg rate "${DEMO_PATH%M} Mb/s" --argjson before "$DEMO_BEFORE" --argjson after "$DEMO_AFTER" \
		--argjson packets "$packets" --arg state "$state" --argjson ms "$DEMO_ACTIVATION_MS" \
		--argjson plain "$DEMO_PLAIN" --argjson lossy "$DEMO_LOSSY" --argjson lossless "$DEMO_LOSSLESS" \
		'{rate: $rate, loss: {share: 0.01, plain: $plain, path: $lossy, path_no_loss: $lossless},
		before: $before, after: ($after + {tunnel_packets: $packets}), path_state: $state, activation_ms: $ms}')
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
		return
	fi
	demo_loss_table "$DEMO_RESULT"
	demo_flood_table "$DEMO_RESULT"
	jq -r '"\n  The path is \(.path_state); from the request until both ends had proved it: \(.activation_ms) ms."' <<<"$DEMO_RESULT"
	printf '  Nothing is left behind. To look around: configs/lab/lab up, then configs/lab/lab --help\n'
}

# shellcheck shell=bash
# RoCEv2 between the two sites' hosts. Sourced behind lib.sh; a lab is up. Nothing here is a test.
#
# The endpoint is tests/roce (causeway-roce). A run's result is one line of JSON, {"send": ..,
# "receive": ..}, in ROCE_RESULT:
#
#   roce_run 10.102.0.10 --mtu 1024 -- --seconds 5 --rate 100M --op write; roce_show
#   roce_is_whole && roce_saw_no_loss

ROCE=${CAUSEWAY_BUILD:-$TESTS/../../build}/tests/roce/causeway-roce
ROCE_RESULT=''
# What the names of the lab's namespaces begin with.
ROCE_LAB=${ROCE_LAB:-cw}
# Seconds that a run may take before it is ended; what it has reached by then counts.
ROCE_LIMIT=${ROCE_LIMIT:-60}

# roce_run ADDRESS [BOTH...] [-- SEND...]: BOTH are options that both ends must have (--qps, --mtu, --psn,
# --seed), SEND only the sender's (--seconds, --messages, --size, --op, --rate, ...). The receiver is at
# host-b, the sender at host-a. Returns 0 when there is a result, whatever it says.
roce_run() {
	local address=$1 both=() receiver

	shift
	while (($#)) && [[ $1 != -- ]]; do
		both+=("$1")
		shift
	done
	(($# == 0)) || shift
	ROCE_RESULT=''
	rm -f "$WORK/roce-send" "$WORK/roce-receive" "$WORK/roce-log"
	# The shell's background job is timeout itself, which hands the signal on: nsenter becomes it.
	nsenter --net="/run/netns/$ROCE_LAB-host-b" -- timeout "$((ROCE_LIMIT + 10))" "$ROCE" receive --json --bind "$address" "${both[@]}" \
		>"$WORK/roce-receive" 2>"$WORK/roce-log" &
	receiver=$!
	eventually 5 grep -qs waiting "$WORK/roce-log" || {
		cat "$WORK/roce-log"
		kill "$receiver" 2>/dev/null
		return 1
	}
	nsenter --net="/run/netns/$ROCE_LAB-host-a" -- timeout "$ROCE_LIMIT" "$ROCE" send --json "${both[@]}" "$@" \
		"$address" >"$WORK/roce-send" || true
	# The receiver has no number of messages to wait for: it says what it has when it is told to end.
	kill -TERM "$receiver"
	wait "$receiver" || true
	ROCE_RESULT=$(jq -c -n --slurpfile s "$WORK/roce-send" --slurpfile r "$WORK/roce-receive" \
		'{send: $s[0], receive: $r[0]}') && roce_has '.send and .receive'
}

roce_has() { # JQ-CONDITION
	[[ -n $ROCE_RESULT ]] && jq -e "$1" <<<"$ROCE_RESULT" >/dev/null
}

roce_goodput() { # bit/s
	jq '.send.goodput_bps' <<<"$ROCE_RESULT"
}

roce_show() {
	jq -r '"    RDMA \(.send.operation): \(.send.goodput_bps / 1e4 | round / 100) Mb/s, " +
		"\(.send.completed) of \(.send.messages) messages, p50 \(.send.completion_us.p50) us, " +
		"p99 \(.send.completion_us.p99) us; sent again \(.send.resent) of \(.send.packets) packets, " +
		"NAKs \(.send.naks), timeouts \(.send.timeouts), CNPs \(.send.cnps_received); arrived out of order " +
		"\(.receive.out_of_order), twice \(.receive.duplicates), damaged \(.receive.icrc_errors), CE " +
		"\(.receive.ce_seen)" + (if .send.error != "none" then "; QUEUE PAIR IN ERROR: \(.send.error)" else "" end) +
		(if .receive.wrong_packets > 0 then "; WRONG: \(.receive.first_wrong)" else "" end) +
		(if .receive.socket_drops + .send.send_failures > 0 then
			"; the lab itself lost \(.receive.socket_drops + .send.send_failures)" else "" end)' <<<"$ROCE_RESULT"
}

# All that was posted was completed, and arrived in order, once and right.
roce_is_whole() {
	roce_has '.send.ok and .receive.ok and .send.completed == .receive.completed and .send.bytes == .receive.bytes'
}

# The network beneath looked lossless, in order and undamaged to RDMA.
roce_saw_no_loss() {
	roce_has '.send.resent == 0 and .send.naks == 0 and .send.timeouts == 0 and
		.receive.out_of_order == 0 and .receive.duplicates == 0 and .receive.icrc_errors == 0'
}

# roce_moves MINIMUM-BPS ADDRESS ...: as roce_run; all whole, and at least so fast.
roce_moves() {
	local minimum=$1

	shift
	roce_run "$@" || return 1
	roce_show
	roce_is_whole && (($(roce_goodput) >= minimum))
}

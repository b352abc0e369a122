#!/usr/bin/env bash
# causeway-roce against itself in a network namespace of its own: test_loop.sh CAUSEWAY-ROCE
# shellcheck disable=SC2016,SC2317
set -euo pipefail

if [[ ${IN_NAMESPACE:-} != yes ]]; then
	if ((EUID != 0)) || ! command -v jq >/dev/null; then
		echo "SKIPPED: needs root and jq"
		exit 77
	fi
	IN_NAMESPACE=yes exec unshare -n -- "$0" "$@"
fi

ROCE=$1
WORK=$(mktemp -d)
RECEIVER='' FAILED=0

clean() {
	[[ -z $RECEIVER ]] || kill -KILL "$RECEIVER" 2>/dev/null || true
	rm -rf "$WORK"
}
trap clean EXIT

ip link set lo up
ip addr add fd00::1/64 dev lo nodad
ip addr add fd00::2/64 dev lo nodad

check() { # TEXT COMMAND...
	if "${@:2}"; then
		printf 'ok: %s\n' "$1"
	else
		printf 'NOT OK: %s\n' "$1"
		head -n 20 "$WORK"/* >&2
		FAILED=1
	fi
}

receiver_start() { # OPTIONS...
	rm -f "$WORK/receive.log"
	"$ROCE" receive --json "$@" >"$WORK/receive" 2>"$WORK/receive.log" &
	RECEIVER=$!
	for _ in {1..100}; do
		! grep -qs waiting "$WORK/receive.log" || return 0
		sleep 0.05
	done
	echo "the receiver does not begin"
	cat "$WORK/receive.log"
	exit 1
}

receiver_ends() { # EXIT-CODE
	local code=0

	wait "$RECEIVER" || code=$?
	RECEIVER=''
	((code == $1))
}

# moves JQ-CONDITION FROM TO OPTIONS...: $s and $r are the sender's and the receiver's results.
moves() {
	local condition=$1 from=$2 to=$3

	shift 3
	receiver_start --bind "$to" "$@"
	"$ROCE" send --json --bind "$from" "$to" --op "$OP" --size "$SIZE" "$@" >"$WORK/send" || return 1
	receiver_ends 0 || return 1
	jq -e -n --slurpfile s "$WORK/send" --slurpfile r "$WORK/receive" \
		"\$s[0] as \$s | \$r[0] as \$r | \$s.ok and \$r.ok and \$s.bytes == \$r.bytes and
		\$r.icrc_errors == 0 and \$r.malformed == 0 and ($condition)" >/dev/null
}

exits_with() { # CODE COMMAND...
	local code=0

	"${@:2}" >"$WORK/out" 2>&1 || code=$?
	((code == $1))
}

term_ends_the_receiver() {
	receiver_start --bind 127.0.0.2
	"$ROCE" send --bind 127.0.0.1 127.0.0.2 --messages 10 >/dev/null || return 1
	kill -TERM "$RECEIVER"
	receiver_ends 0 && jq -e '.ok and .completed == 10' "$WORK/receive" >/dev/null
}

term_of_an_idle_receiver_is_no_success() {
	receiver_start --bind 127.0.0.2
	kill -TERM "$RECEIVER"
	receiver_ends 1 && jq -e '.ok == false and .packets == 0' "$WORK/receive" >/dev/null
}

other_seed_is_seen() {
	receiver_start --bind 127.0.0.2 --seed 2 --messages 3
	"$ROCE" send --bind 127.0.0.1 127.0.0.2 --messages 3 >/dev/null || return 1
	receiver_ends 1 && jq -e '.completed == 0 and .wrong_packets == 192 and .first_wrong != ""' \
		"$WORK/receive" >/dev/null
}

other_mtu_is_refused() {
	receiver_start --bind 127.0.0.2 --mtu 512 --quiet 0.3
	exits_with 1 "$ROCE" send --json --bind 127.0.0.1 127.0.0.2 || return 1
	receiver_ends 1 && jq -e '.error == "remote_invalid_request"' "$WORK/out" >/dev/null
}

nobody_there_exceeds_the_retries() {
	exits_with 1 "$ROCE" send --json --bind 127.0.0.1 127.0.0.2 --timeout 10 || return 1
	jq -e '.error == "retry_exceeded" and .timeouts == 8 and .completed == 0' "$WORK/out" >/dev/null
}

OP=send SIZE=65536
check "SEND, IPv4" moves '$r.packets == 12800 and $s.operation == "send"' 127.0.0.1 127.0.0.2 --messages 200
OP=send SIZE=7
check "SEND of 7 bytes" moves '$r.packets == 5000' 127.0.0.1 127.0.0.2 --messages 5000
OP=write SIZE=100001
check "RDMA WRITE, odd size, four queue pairs, MTU 4096" moves '$r.completed == 400 and $r.operation == "write"' \
	127.0.0.1 127.0.0.2 --messages 100 --qps 4 --mtu 4096
check "RDMA WRITE, IPv6" moves '$r.completed == 100' fd00::1 fd00::2 --messages 100 --mtu 2048
OP=send SIZE=65536
check "congestion marks are answered, and obeyed" moves '$r.ce_seen > 1200 and $r.cnps_sent > 10 and
	$s.cnps_received == $r.cnps_sent and $s.goodput_bps < 150000000' 127.0.0.1 127.0.0.2 --messages 100 --ce 5
check "SIGTERM ends the receiver" term_ends_the_receiver
check "SIGTERM before anything came" term_of_an_idle_receiver_is_no_success
check "a wrong payload is seen" other_seed_is_seen
check "a wrong MTU is refused by the far side" other_mtu_is_refused
check "a dead peer" nobody_there_exceeds_the_retries
check "--help" exits_with 0 "$ROCE" --help
check "no role" exits_with 2 "$ROCE"
check "a rate of 0" exits_with 2 "$ROCE" send 127.0.0.2 --rate 0
exit $FAILED

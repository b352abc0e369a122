# shellcheck shell=bash
# What hosts see of a WAN that loses, through a path: nothing of it. Sourced behind lib.sh by
# test_transport_*.sh, one for each port mode; the books of both gateways are compared after each part.
#
# Nothing here depends on how fast this machine is, but for shares of what the same path carried before
# the WAN lost anything.

# shellcheck source=tests/lab/roce.sh
source "$TESTS/roce.sh"
# shellcheck source=tests/lab/books.sh
source "$TESTS/books.sh"

readonly PATH_RATE=300M FILE_MB=50
# Of the path's rate, so low that it must not lose anything ahead of the tunnel.
readonly UDP_RATE=60M RDMA_RATE=100M
# What may be dropped of senders that are told of a full queue by nothing else: before it has a number.
readonly TCP_REASONS='["queue_full","queue_tcp"]'
TCP_BASE=0

# weather LOSS: all that a line does to packets, both ways. Bursts lose half as much again, 5 frames each.
weather() {
	local name value

	while read -r name value; do
		lab line set "$name" "$value" >/dev/null
	done <<-END
		loss $1
		burst $(awk -v loss="$1" 'BEGIN { printf "%.6f", loss * 0.1 }'),0.2
		reorder 0.01,2
		jitter 0.2
		duplicate 0.005
		corrupt 0.003
	END
}

weather_clear() {
	local name

	for name in loss reorder jitter duplicate corrupt; do
		lab line set "$name" 0 >/dev/null
	done
	lab line set burst 0,1 >/dev/null
}

# ---- the four kinds of traffic ----

tcp_bps() {
	iperf "$HOST_B" 5201 -t 2 -C cubic
}

# tcp_keeps SHARE: of what it reached without loss, in percent.
tcp_keeps() {
	local bps

	bps=$(tcp_bps) || return 1
	printf '    %s of %s Mb/s\n' $((bps / 1000000)) $((TCP_BASE / 1000000))
	((bps * 100 >= TCP_BASE * $1))
}

# Datagrams that the receiving socket had no room for: a matter between iperf3 and this machine.
udp_socket_lost() {
	at host-b awk '$1 == "Udp:" && $6 ~ /^[0-9]+$/ { print $6 }' /proc/net/snmp
}

udp_is_whole() {
	local result before lost

	before=$(udp_socket_lost)
	at host-b timeout 30 iperf3 -s -1 -p 5202 >/dev/null 2>&1 &
	eventually 5 listens 5202 || return 1
	result=$(at host-a timeout 20 iperf3 -c "$HOST_B" -p 5202 -u -b "$UDP_RATE" -l 1400 -w 2M -t 2 --json) || return 1
	lost=$(($(udp_socket_lost) - before))
	jq -r --argjson lost "$lost" '.end.streams[0].udp | "    \(.packets) datagrams, \(.lost_packets) lost" +
		(if $lost > 0 then " (the receiving socket had no room for \($lost))" else "" end) +
		", \(.out_of_order) out of order"' <<<"$result"
	jq -e --argjson lost "$lost" '.end.streams[0].udp | .packets > 1000 and .lost_packets <= $lost and
		.out_of_order == 0' <<<"$result" >/dev/null
}

# The NIC waits for as long as `causewayctl cluster nccl-env` tells NCCL to let it wait (2.1 s). A burst that eats
# a dozen frames in a row lasts a dozen probes when nothing else is sent: 268 ms were too short once in ten runs.
rdma_sees_no_loss() {
	roce_run "$HOST_B" --mtu "$RDMA_MTU" -- --op send --seconds 2 --rate "$RDMA_RATE" --timeout 19 || return 1
	roce_show
	roce_is_whole && roce_saw_no_loss
}

file_is_the_same() {
	local receiver

	spawn host-b timeout 60 python3 "$TESTS/bulk.py" receive "$HOST_B" 5203 >"$WORK/bulk-in"
	receiver=$!
	eventually 5 listens 5203 || return 1
	at host-a timeout 50 python3 "$TESTS/bulk.py" send "$HOST_B" 5203 "$WORK/file" >"$WORK/bulk-out" || return 1
	wait "$receiver" || return 1
	jq -r -s '"    \(.[1].bytes) bytes in \(.[0].seconds) s, \(.[1].sha256[:16])..."' "$WORK/bulk-out" "$WORK/bulk-in"
	[[ $(jq -r .sha256 "$WORK/bulk-in") == "$FILE_SHA256" ]]
}

# ---- the scenes ----

# part WHAT REASONS CHECK...: the check, and the books over it. Where this machine itself lost packets on the way
# the check says nothing about the gateways: once more.
part() {
	local what=$1 reasons=$2 before lost tries

	shift 2
	CHECKS=$((CHECKS + 1))
	for tries in 1 2 3; do
		before=$BOOKS
		"$@" && PART=ok || PART='NOT OK'
		books_settle || PART='NOT OK: still under way'
		BOOKS=$(books)
		lost=$(books_lab_lost "$before" "$BOOKS")
		[[ $PART != ok && $lost -gt 0 && $tries -lt 3 ]] || break
		printf '    the lab lost %s: once more\n' "$lost"
	done
	printf '%s: %s\n' "$PART" "$what"
	[[ $PART == ok ]] || FAILED=$((FAILED + 1))
	check "rx = tx + held + drops, none of them behind the number" books_balance "$before" "$BOOKS" "$reasons"
	check "delivered = numbered" books_carried_all "$before" "$BOOKS"
}

transport_up() { # LAB-OPTIONS...
	must "lab up" lab up --delay 5 "$@"
	must "a path" lab path job1 --rate "$PATH_RATE"
	must "a file" dd if=/dev/urandom of="$WORK/file" bs=1M count="$FILE_MB" status=none
	FILE_SHA256=$(sha256sum "$WORK/file" | cut -d' ' -f1)
}

scene_lossless() {
	step "no loss: what this path and this machine can do"
	TCP_BASE=$(tcp_bps) || true
	printf '    TCP (cubic): %s Mb/s\n' $((TCP_BASE / 1000000))
	must "TCP flows" test "$TCP_BASE" -gt 20000000
}

scene_weather() { # LOSS SHARE-OF-TCP
	local first

	step "loss $1, with bursts, reordering, copies and damage"
	weather "$1"
	BOOKS=$(books)
	first=$BOOKS
	part "TCP (cubic) keeps $2 % or more" "$TCP_REASONS" tcp_keeps "$2"
	part "UDP: none lost, none overtaken" '[]' udp_is_whole
	part "RDMA: no NAK, nothing sent again, nothing overtaken" '[]' rdma_sees_no_loss
	part "a file arrives unharmed" "$TCP_REASONS" file_is_the_same
	check "sent again what the line lost" books_repaired_what_was_lost "$first" "$BOOKS"
	weather_clear
}

transport_scenes() {
	scene_lossless
	scene_weather 0.001 30
	scene_weather 0.01 30
	scene_weather 0.05 10
}

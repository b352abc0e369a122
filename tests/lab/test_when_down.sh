#!/usr/bin/env bash
# What leaves a site in clear while no gateway carries its paths: of one with when_down block, nothing, at any
# time from the moment that its gateway knows it; of a best_effort one, everything.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"

SEALED=5050 PLAIN=5150
MARKER=an-inner-byte-of-the-sealed-path
CONFIG=/run/causeway-lab/config/gw-a.yaml

# ---- what is seen on the WAN, at site a's end of the line ----

watch_start() {
	rm -f "$WORK/wan"
	at wan tcpdump -i wan-a -n --immediate-mode -U -w "$WORK/wan" 2>"$WORK/tcpdump" &
	WATCH=$!
	eventually 5 grep -q listening "$WORK/tcpdump"
}

# Outside of the tunnel, whose packets bear other ports and addresses.
clear_count() { # PORT
	tcpdump -n -r "$WORK/wan" "src host 10.101.0.10 and udp dst port $1" 2>/dev/null | wc -l
}

# In whatever packet, tunnel or not.
marker_is_unseen() {
	! grep -a -q "$MARKER" "$WORK/wan"
}

leaked_nothing() {
	local count

	count=$(clear_count $SEALED)
	((count == 0)) || {
		printf '    %s packets in clear\n' "$count"
		return 1
	}
}

# Did that port's packets go by in clear, in half a second?
flows_in_clear() { # PORT
	local before

	before=$(clear_count "$1")
	sleep 0.5
	(($(clear_count "$1") - before >= 20))
}

stays_dark() { # PORT
	! flows_in_clear "$1"
}

# ---- paths and senders ----

path_request() { # NAME PORT WHEN-DOWN
	lab ctl path create "$1" --from a --to b --rate 50M --match "udp:$2" --when-down "$3" >/dev/null
}

gateway_knows() { # NAME
	lab ctl -o json path show "$1" | jq -e 'any(.status.gateways[]; .name == "gw-a" and .receiving)' >/dev/null
}

paths_are_active() {
	path_is active sealed && path_is active plain
}

senders_start() {
	local port

	# Close together, so that a gap of a millisecond between two programs would let one through.
	spawn host-a python3 -c '
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begin = time.monotonic()
for number in range(200000):
    time.sleep(max(0, begin + number / 2000 - time.monotonic()))
    sock.sendto(sys.argv[3].encode() * 6, (sys.argv[1], int(sys.argv[2])))
' "$HOST_B" $SEALED "$MARKER" 2>/dev/null
	SENDERS=($!)
	spawn host-a python3 "$TESTS/stream.py" send "$HOST_B" $PLAIN 100 200 200 >/dev/null 2>&1
	SENDERS+=($!)
	# Else the far host answers "port unreachable", which quotes the datagram, in clear: ICMP is not the path's.
	for port in $SEALED $PLAIN; do
		spawn host-b python3 "$TESTS/stream.py" receive "$HOST_B" "$port" 200 >/dev/null 2>&1
		SENDERS+=($!)
	done
}

senders_stop() {
	kill "${SENDERS[@]}" "$WATCH" 2>/dev/null || true
	wait "${SENDERS[@]}" "$WATCH" 2>/dev/null || true
}

arrives() { # PORT: at the far host, by whatever way
	at host-b timeout 2 tcpdump -i eth0 -n --immediate-mode -c 20 "udp dst port $1" >/dev/null 2>&1
}

release() {
	nsenter --net=/run/netns/cw-gw-a -- "$GATEWAY" --config "$CONFIG" --release
}

# ---- the scenes, one after the other under the same traffic ----

scene_not_proved() {
	step "the path is known, but not proved: the far gateway is dead"
	lab stop gw-b --kill
	path_request sealed $SEALED block
	path_request plain $PLAIN best_effort
	must "gw-a knows both" eventually 5 gateway_knows sealed
	must "gw-a knows both" eventually 5 gateway_knows plain
	senders_start
	check "best effort flows by the kernel" eventually 3 flows_in_clear $PLAIN
	check "nothing of the other leaves" leaked_nothing
	lab start gw-b
	must "both are active" eventually 10 paths_are_active
	check "it is delivered" arrives $SEALED
	check "through the tunnel" stays_dark $PLAIN
}

scene_killed() {
	step "gw-a is killed"
	lab stop gw-a --kill
	check "best effort flows by the kernel" eventually 3 flows_in_clear $PLAIN
	check "nothing of the other leaves" leaked_nothing
	lab start gw-a
	must "both are active" eventually 20 paths_are_active
	check "nothing left in clear at the start" leaked_nothing
	check "it is delivered" arrives $SEALED
}

scene_stopped() {
	step "gw-a is stopped"
	lab stop gw-a
	check "best effort flows by the kernel" flows_in_clear $PLAIN
	check "nothing of the other leaves" leaked_nothing
	lab start gw-a
	must "both are active" eventually 20 paths_are_active
	check "nothing left in clear at the start" leaked_nothing
	check "it is delivered" arrives $SEALED
}

scene_released() {
	step "the path is released, by control; then what the gateway left, by hand"
	check "a running gateway is not touched" test "$(release 2>&1 | grep -c 'stop it first')" = 1
	lab ctl path rm sealed --wait >/dev/null
	check "the kernel has it again" eventually 2 flows_in_clear $SEALED
	path_request sealed $SEALED block
	must "it is active again" eventually 10 path_is active sealed
	lab stop gw-a
	check "stopped: it is blocked" stays_dark $SEALED
	check "--release says what it did" grep -q 'lan0: the classifier is off lan0' <(release)
	check "the kernel has it" flows_in_clear $SEALED
	check "and the marker is in clear" grep -a -q "$MARKER" "$WORK/wan"
	check "nothing of ours is left there" test -z "$(at gw-a tc filter show dev lan0 ingress 2>/dev/null)"
}

for mode in xdp packet; do
	must "lab up" lab up --port "$mode" --delay 1
	watch_start
	scene_not_proved
	scene_killed
	scene_stopped
	check "the WAN has seen no inner byte, in the tunnel or beside it" marker_is_unseen
	scene_released
	senders_stop
	lab down
done

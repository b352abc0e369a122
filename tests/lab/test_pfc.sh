#!/usr/bin/env bash
# Switches that honour priority pauses between the hosts and their gateways: far more than the path's rate comes
# in, and nothing is lost behind the blasting host's own port of its switch.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"

SWITCH=${CAUSEWAY_BUILD:-$TESTS/../../build}/tests/lanswitch/causeway-lanswitch
# Of the LANs, as the gateways and the switches are told. Not more: on this machine a pause is obeyed when its
# reader gets a core, some milliseconds late.
SPEED=200M
TOS=$((24 << 2)) # DSCP 24: priority 3, that of class lossless

# ---- a switch between a host and its gateway ----

# Offloads and queues of one more end of a cable: as the lab has them.
plain() { # NAMESPACE INTERFACE
	local feature

	for feature in rx tx sg tso gso gro; do
		nsenter --net="/run/netns/$1" -- ethtool -K "$2" "$feature" off >/dev/null 2>&1 || true
	done
	ip -n "$1" link set "$2" txqueuelen 1000 up
	nsenter --net="/run/netns/$1" -- tc qdisc replace dev "$2" root pfifo limit 1000
}

# The host keeps its address and MAC; its end of the cable to the gateway becomes the switch's port.
switch_insert() { # SITE
	local namespace=cw-switch-$1 host=cw-host-$1 n=1 mac mtu

	[[ $1 == a ]] || n=2
	mac=$(ip -n "$host" -j link show eth0 | jq -r '.[0].address')
	mtu=$(ip -n "$host" -j link show eth0 | jq -r '.[0].mtu')
	ip netns add "$namespace"
	ip -n "$host" link set eth0 netns "$namespace" name gateway
	ip link add eth0 address "$mac" mtu "$mtu" netns "$host" type veth peer name host mtu "$mtu" netns "$namespace"
	# A port of a switch has an address of its own, and here no kernel behind it.
	ip -n "$namespace" link set gateway address "02:ca:00:00:5$n:01"
	ip -n "$namespace" link set host address "02:ca:00:00:5$n:02"
	nsenter --net="/run/netns/$namespace" -- sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	plain "$namespace" gateway
	plain "$namespace" host
	plain "$host" eth0
	ip -n "$host" addr add "10.10$n.0.10/16" dev eth0
	ip -n "$host" route add default via "10.10$n.0.1"
	nsenter --net="/run/netns/$namespace" -- "$SWITCH" --speed "$SPEED" --lossless 3 --buffer 1MiB --queue 4MiB \
		--control "$WORK/switch-$1" gateway="$SPEED" host="$SPEED" >/dev/null 2>"$WORK/switch-$1.log" &
	SWITCHES+=($!)
	eventually 5 switch_answers "$1"
}

switch_answers() {
	"$SWITCH" --send "$WORK/switch-$1" stats >/dev/null 2>&1
}

switch_ask() { # SITE JQ
	"$SWITCH" --send "$WORK/switch-$1" stats | jq -c ".ports | map({(.name): .}) | add | $2"
}

# Its port to the gateway pauses priority 3 for 30 ms of each 40, COUNT times. Prints the longest pause, in ms:
# on a machine that is busy it may be longer than meant.
switch_pauses() { # SITE COUNT
	python3 -c '
import os, socket, sys, time
path, count = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(path + ".test")
sock.settimeout(5)
sock.connect(path)
def tell(state):
    sock.send(b"pause gateway 3 " + state)
    assert sock.recv(4096) == b"ok"
longest = 0
for _ in range(count):
    begin = time.monotonic()
    tell(b"on")
    time.sleep(0.03)
    tell(b"off")
    longest = max(longest, time.monotonic() - begin)
    time.sleep(0.01)
os.unlink(path + ".test")
print(int(longest * 1000))
' "$WORK/switch-$1" "$2"
}

clean_more() {
	local site

	((${#SWITCHES[@]} == 0)) || kill "${SWITCHES[@]}" 2>/dev/null || true
	((${#SWITCHES[@]} == 0)) || wait "${SWITCHES[@]}" 2>/dev/null || true
	SWITCHES=()
	for site in a b; do
		ip netns del "cw-switch-$site" 2>/dev/null || true
	done
}

# ---- gateways that know of pauses ----

gateway_pauses() { # GATEWAY
	lab stop "$1"
	sed -i -e '/^    interface: lan0/a\    speed: '"$SPEED"'\n    pfc: {bulk: none}' \
		"/run/causeway-lab/config/$1.yaml"
	lab start "$1"
}

port_counters() { # GATEWAY JQ: of its LAN port
	"$PERF" top --json --once --run-dir /run/causeway-lab/run --gateway "$1" |
		jq -c ".ports[] | select(.name == \"lan0\") | $2"
}

path_drops() { # every drop of the path, at either end and each way, by reason
	counters | jq -c '[.gateways[][].drops | to_entries[]] | map(select(.value > 0))'
}

nothing_was_dropped() {
	local drops

	drops=$(path_drops)
	[[ $drops == '[]' ]] || {
		printf '    %s\n' "$drops"
		return 1
	}
}

# ---- traffic of priority 3 ----

blast_start() { # PORT SECONDS PER-SECOND
	at host-b python3 "$TESTS/stream.py" receive "$HOST_B" "$1" $(($2 + 20)) >"$WORK/stream" &
	STREAM=$!
	eventually 5 stream_listens "$1"
	at host-a python3 -c '
import socket, struct, sys, time
host, port, seconds, rate, tos = sys.argv[1], *map(int, sys.argv[2:])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
begin = time.monotonic()
total = seconds * rate
for number in range(total):
    while (pause := begin + number / rate - time.monotonic()) > 0.001:
        time.sleep(pause)
    sock.sendto(struct.pack("!QQ", number, 0) + bytes(1384), (host, port))
for _ in range(20):
    time.sleep(0.05)
    sock.sendto(struct.pack("!QQ", 2 ** 64 - 1, total), (host, port))
' "$HOST_B" "$1" "$2" "$3" $TOS &
	BLAST=$!
}

# What is missing at the far host is what the near switch could not take any more from its host.
only_the_host_lost() {
	local stream lost

	wait "$BLAST" "$STREAM" || true
	stream_show
	stream=$(jq .lost "$WORK/stream")
	lost=$(switch_ask a '.host.drops.buffer')
	printf '    the switch refused %s frames of its host, %s are missing at the far one\n' "$lost" "$stream"
	((stream > 0 && lost - SWITCH_LOST == stream))
}

SWITCHES=()

for mode in ${MODES:-packet xdp}; do
	must "lab up" lab up --port "$mode" --delay 5 --lan-mtu 1500 --memory 512
	for site in a b; do
		must "a switch at site $site" switch_insert "$site"
		must "gw-$site starts with pauses" gateway_pauses "gw-$site"
	done
	must "a path" lab path job1 --rate 50M
	check "pings" pings "$HOST_B" 20

	step "$mode: four times the path's rate"
	SWITCH_LOST=$(switch_ask a '.host.drops.buffer')
	blast_start 5555 5 16000
	check "only the blasting host's port lost" only_the_host_lost
	check "nothing was dropped at either gateway" nothing_was_dropped
	check "the near gateway paused its switch" test "$(port_counters gw-a .flow_control.pauses_sent)" -gt 0
	check "which obeyed" test "$(switch_ask a '.gateway.priorities."3".pauses_obeyed')" -gt 0
	check "and lost nothing of it" test "$(switch_ask a '[.gateway.drops | del(.control)[]] | add')" = 0
	check "the far switch lost nothing" test "$(switch_ask b '[.[].drops | del(.control)[]] | add')" = 0
	check "no storm" test "$(port_counters gw-a .flow_control.storms)" = 0

	step "$mode: the far LAN pauses again and again"
	SWITCH_LOST=$(switch_ask a '.host.drops.buffer')
	blast_start 5556 5 5000
	longest=$(switch_pauses b 100)
	printf '    the longest pause took %s ms\n' "$longest"
	if ((longest < 90)); then
		check "only the blasting host's port lost" only_the_host_lost
		check "nothing was dropped at either gateway" nothing_was_dropped
	else
		wait "$BLAST" "$STREAM" || true
		printf '    too long: this machine is too busy to tell a pause from a storm\n'
	fi
	check "the far gateway obeyed" test "$(port_counters gw-b .flow_control.pauses_obeyed)" -ge 80
	check "the far switch lost nothing" test "$(switch_ask b '[.[].drops | del(.control)[]] | add')" = 0
	lab down
	clean_more
done

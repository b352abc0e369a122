#!/usr/bin/env bash
# The WAN emulator on its own, between kernels that route.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/scenes.sh
source "$HERE/scenes.sh"

field() { # DIRECTION JQ
	lab line stats | jq "$1 | $2"
}

rtt_is_about() { # LOW HIGH (ms)
	local average

	average=$(at host-a ping -n -q -c 10 -i 0.05 "$HOST_B" | sed -n 's|.*= [0-9.]*/\([0-9]*\).*|\1|p')
	printf '    %s ms\n' "$average"
	((average >= $1 && average <= $2))
}

must "lab up" lab up --no-gateways
step "forwarding"
check "pings" pings "$HOST_B" 50
check "IPv6" pings "$HOST_B6" 20
check "TCP" moves 100000000 "$HOST_B" 5201 -t 3
step "settings at run time"
lab line set delay 20 >/dev/null
check "20 ms each way" rtt_is_about 40 60
lab line set delay 0 >/dev/null
lab line set rate 50M >/dev/null
before=$(field .a_to_b .tx_bytes)
check "TCP gets the rate" moves 30000000 "$HOST_B" 5202 -t 3
check "and not more" test $(($(field .a_to_b .tx_bytes) - before)) -lt 30000000
lab line set rate 0 >/dev/null
lab line set a duplicate 1 >/dev/null
check "every frame twice" test "$(at host-a ping -n -c 5 -i 0.05 "$HOST_B" | grep -c DUP)" -ge 4
lab line set a duplicate 0 >/dev/null
# hurts SETTING VALUE COUNTER: one direction, and only that one, at once and no longer than it is set.
hurts() {
	local before_a before_b after_a after_b

	before_a=$(field .a_to_b "$3") before_b=$(field .b_to_a "$3")
	lab line set a "$1" "$2" >/dev/null
	at host-a ping -q -n -c 50 -i 0.01 -W 1 "$HOST_B" >/dev/null || true
	lab line set a "$1" "${4:-0}" >/dev/null
	after_a=$(field .a_to_b "$3") after_b=$(field .b_to_a "$3")
	printf '    %s %s: %s of 50, the other way %s\n' "$1" "$2" $((after_a - before_a)) $((after_b - before_b))
	((after_a - before_a >= 10 && after_a - before_a <= 50 && after_b == before_b)) && pings "$HOST_B" 20
}
check "bursts of loss" hurts burst 0.3,0.3 .dropped.burst 0,1
check "reordering" hurts reorder 0.5,3 .reordered
check "damage" hurts corrupt 0.5 .corrupted
check "loss" hurts loss 0.5 .dropped.loss
lab line set a loss 1 >/dev/null
check "nothing passes" bash -c "! nsenter --net=/run/netns/cw-host-a ping -q -c 3 -i 0.05 -W 1 $HOST_B >/dev/null"
check "and the loss is counted" test "$(field .a_to_b .dropped.loss)" -ge 3
lab line set a loss 0 >/dev/null
lab line cut >/dev/null
check "nothing passes a cut" bash -c "! nsenter --net=/run/netns/cw-host-a ping -q -c 3 -i 0.05 -W 1 $HOST_B >/dev/null"
lab line join >/dev/null
check "pings after the join" pings "$HOST_B" 20
check "an unknown setting is refused" bash -c "! '$LAB' line set colour blue 2>/dev/null"
check "the lab lost nothing" test "$(lab_lost)" = 0

#!/usr/bin/env bash
# Three sites become one virtual cluster by one request, and a ring exchange runs over its paths.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"

readonly RATE=100M NEXT=(b c a) SITES=(a b c)

cluster() { # JQ: of what the API says of it
	lab ctl -o json cluster show train | jq -r "$1"
}

create() { # NAME RATE
	lab ctl cluster create "$1" --members a:2x8,b:2x8,c:2x8 --rate "$2" --match tcp:5000-5999 --match icmp-echo --wait
}

# Bytes that each path's gateways took into the tunnel, both ways.
path_bytes() {
	lab ctl -o json get paths | jq -c '[.items[] | {(.name): [.status.gateways[].counters.out.rx_bytes // 0]}] | add'
}

# Every host sends to the next one at the same time; each transfer's bit/s.
ring_exchange() {
	local i client=()

	for i in 0 1 2; do
		at "host-${NEXT[i]}" timeout 30 iperf3 -s -1 -p 5201 >/dev/null 2>&1 &
	done
	for i in 0 1 2; do
		eventually 5 listens_at "host-${NEXT[i]}" || return 1
	done
	for i in 0 1 2; do
		at "host-${SITES[i]}" timeout 20 iperf3 -c "10.10$(((i + 1) % 3 + 1)).0.10" -p 5201 -t 2 --json >"$WORK/ring-$i" &
		client+=($!)
	done
	wait "${client[@]}" || return 1
	jq -r '.end.sum_received.bits_per_second / 1e6 | floor | "    \(.) Mb/s"' "$WORK"/ring-?
	jq -e -s 'all(.[]; .end.sum_received.bits_per_second > 10e6)' "$WORK"/ring-? >/dev/null
}

listens_at() { # PLACE
	at "$1" ss -H -l -t -n 'sport = :5201' | grep -q .
}

all_moved() { # BEFORE AFTER: each path, from both ends
	jq -e -n --argjson x "$1" --argjson y "$2" '$y | to_entries | length == 3 and
		all(.[]; .key as $k | .value | to_entries | all(.[]; .value > ($x[$k][.key] + 1000)))' >/dev/null
}

settings_fit() {
	lab ctl cluster nccl-env train --site b >"$WORK/env" || return 1
	(
		# shellcheck disable=SC1091
		source "$WORK/env"
		[[ -n ${NCCL_ALGO:-}${NCCL_BUFFSIZE:-} ]]
	)
}

# A request that does not fit names what would, and that is granted.
refused_with_offer() {
	local offer

	! lab ctl -o json cluster create greedy --members a,b,c --rate 20G --match tcp:6100-6199 >"$WORK/refused" || return 1
	offer=$(jq -r '.offers[0].rate_bps // .error.offers[0].rate_bps' "$WORK/refused")
	printf '    offered: %s\n' "$offer"
	[[ $offer =~ ^[0-9]+$ ]] || return 1
	lab ctl cluster create greedy --members a,b,c --rate "$offer" --match tcp:6100-6199 --wait
}

nothing_half_made() { # NAME
	[[ $(lab ctl -o json get paths | jq --arg c "$1." '[.items[] | select(.name | startswith($c))] | length') == 0 ]]
}

# The README's lines, as they are, where the lab's control is reached.
readme_runs() {
	awk '/<!-- run by tests.lab.test_cluster.sh -->/ { found = 1 } found && /^```/ { if (++fence == 2) exit; next } fence' \
		"$TESTS/../../README.md" >"$WORK/readme"
	[[ -s $WORK/readme ]] || return 1
	(cd "$WORK" && PATH=${CAUSEWAY_BUILD:-$TESTS/../../build}/control/ctl:$PATH at mgmt bash -euo pipefail "$WORK/readme" \
		>"$WORK/readme.out" 2>&1) || {
		cat "$WORK/readme.out"
		return 1
	}
}

readme_says() { # TEXT
	grep -q -e "$1" "$WORK/readme.out" || {
		cat "$WORK/readme.out"
		return 1
	}
}

test_degraded() {
	[[ $(cluster .status.state) == degraded && $(cluster .status.reason) == *train.a-c* ]]
}

test_active() {
	[[ $(cluster .status.state) == active ]]
}

validates() {
	lab ctl validate >"$WORK/validate" || {
		cat "$WORK/validate"
		return 1
	}
}

explained() { # PATH CODE
	[[ $(lab ctl -o json explain path "$1" | jq -r .life_cycle.code) == "$2" ]]
}

must "lab up" lab up --sites 3 --delay 2 --rate 1G
step "one request, three paths"
must "a cluster of three sites is active" create train "$RATE"
check "it says so itself" test "$(cluster .status.state)" = active
check "with three paths" test "$(cluster '.status.paths | length')" = 3
check "and a ring over all sites" test "$(cluster '.status.ring | sort | join(",")')" = a,b,c
check "the narrowest cut is two paths" test "$(cluster .status.narrowest_cut.rate_bps)" = 200000000
check "the job's settings can be sourced" settings_fit
check "gateways do what they are to" eventually 10 validates

step "a ring exchange over its paths"
before=$(path_bytes)
check "each site to the next, at once" ring_exchange
sleep 1.5
check "every path carried it, both ways" all_moved "$before" "$(path_bytes)"

step "more than there is"
check "is refused, and what would fit is granted" refused_with_offer
lab ctl delete cluster greedy >/dev/null
check "nothing of it stays" eventually 10 nothing_half_made greedy

step "the README's page for schedulers"
lab ctl delete cluster train >/dev/null
eventually 10 nothing_half_made train
check "every line of it runs" readme_runs
check "it shows a ring" readme_says '"ring": \['
check "and what is refused" readme_says 'can be guaranteed'
check "nothing of it stays" eventually 10 nothing_half_made big
check "nor of that" eventually 10 nothing_half_made job-881234
must "the cluster again" create train "$RATE"

step "a line is cut"
lab line wan-ac cut >/dev/null
check "the cluster is degraded, and says by which path" eventually 10 test_degraded
check "explained by the probes that do not come back" eventually 10 explained train.a-c not-proved
lab line wan-ac join >/dev/null
check "it is active again" eventually 10 test_active

step "the cluster goes"
lab ctl delete cluster train >/dev/null
check "and its paths with it" eventually 10 nothing_half_made train

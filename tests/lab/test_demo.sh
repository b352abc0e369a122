#!/usr/bin/env bash
# The demo's JSON, and that nothing stays behind it.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/scenes.sh
source "$HERE/scenes.sh"

# What is lost on the way there costs the hosts nothing.
path_repairs() {
	jq -e '.loss | .path.cubic.bps > 3 * .plain.cubic.bps and .path.rdma.bps > .plain.rdma.bps
		and .plain.rdma.resent > 0 and .path.rdma.resent_share < .plain.rdma.resent_share
		and ([.plain, .path, .path_no_loss | .bbr.bps | type == "number"] | all)' "$WORK/demo" >/dev/null || {
		cat "$WORK/demo"
		return 1
	}
}

has_shape() {
	jq -e -s 'length == 1 and (.[0] | (.before.bps | type) == "number" and (.after.bps | type) == "number"
		and .after.bps > .before.bps and (.before | has("ping_ms")) and (.after.ping_ms | type) == "number"
		and .after.tunnel_packets > 0 and .path_state == "active" and (.activation_ms | type) == "number")' \
		"$WORK/demo" >/dev/null || {
		cat "$WORK/demo"
		return 1
	}
}

leaves() { # what a lab makes, as it is now
	ip netns list | sort
	ls -d /run/causeway-lab* 2>/dev/null || true
	cat /proc/sys/vm/nr_hugepages
	pgrep -f -a /run/causeway-lab || true
}

before=$(leaves)
step "demo --json"
LAB_DEMO_SECONDS=2 lab demo --json >"$WORK/demo" || FAILED=1
check "one object of the promised shape" has_shape
check "with the comparison on a line that loses" path_repairs
check "nothing is left behind" test "$(leaves)" = "$before"
step "demo, interrupted"
# A shell's background jobs ignore SIGINT; the demo must not.
env --default-signal=INT setsid "$LAB" demo --json >/dev/null 2>&1 &
pid=$!
sleep 5
kill -INT -- "-$pid"
wait "$pid" || true
check "nothing is left behind" test "$(leaves)" = "$before"

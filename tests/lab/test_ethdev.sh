#!/usr/bin/env bash
# Two sites with DPDK ethdev gateways over TAP devices, end to end.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/scenes.sh
source "$HERE/scenes.sh"

[[ -c /dev/net/tun ]] || skip "needs /dev/net/tun"
must "lab up" lab up --port ethdev --delay 1
scene_path_under_traffic
scene_throughput
scene_unclaimed_stays_with_the_kernel
scene_sizes 1500
scene_gateway_restart gw-a
scene_path_goes_under_traffic

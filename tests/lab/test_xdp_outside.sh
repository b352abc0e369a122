#!/usr/bin/env bash
# AF_XDP gateways: inner packets larger than the WAN's MTU, and IPv6 outside.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/scenes.sh
source "$HERE/scenes.sh"

must "lab up" lab up --port xdp --lan-mtu 3000 --wan-mtu 1500
must "path" lab path job1 --rate 500M
scene_sizes 3000
scene_throughput
lab down

must "lab up" lab up --port xdp --family ipv6 --delay 1
must "path" lab path job1 --rate 500M
scene_sizes 1500
scene_throughput
scene_unclaimed_stays_with_the_kernel

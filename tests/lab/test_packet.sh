#!/usr/bin/env bash
# Two sites with AF_PACKET gateways and jumbo frames, end to end.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/scenes.sh
source "$HERE/scenes.sh"

# Worker and tc program learn new rules one after the other: a packet between them arrives twice.
# shellcheck disable=SC2034  # read in scenes.sh
AT_SWITCH=stream_lost_nothing AT_RESTART=stream_has_few_duplicates
must "lab up" lab up --port packet --delay 1
scene_path_under_traffic
scene_throughput
scene_unclaimed_stays_with_the_kernel
scene_sizes 9000
scene_site_map
scene_rate_change 6000000000 1500
scene_control_restart
scene_gateway_restart gw-b
scene_path_goes_under_traffic
scene_term

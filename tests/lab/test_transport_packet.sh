#!/usr/bin/env bash
# AF_PACKET gateways and jumbo frames over a WAN that loses, delays, reorders, doubles and damages: hosts see none of it.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/transport.sh
source "$HERE/transport.sh"

# shellcheck disable=SC2034  # read in transport.sh
RDMA_MTU=4096
transport_up --port packet
transport_scenes

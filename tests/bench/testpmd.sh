#!/usr/bin/env bash
# What dpdk-testpmd's macswap does on net_null, for information: its own loop, its own driver, other frames.
# One JSON object; {"testpmd": null} with a reason where it cannot run.
set -euo pipefail

readonly SECONDS_EACH=2

none() {
	jq -n --arg reason "$1" '{testpmd: null, reason: $reason}'
	exit 0
}

# packets_per_second FRAME-BYTES: between two looks at the port, the start left out.
packets_per_second() {
	{
		sleep 1
		echo "show port stats 0"
		sleep "$SECONDS_EACH"
		echo "show port stats 0"
		echo stop
		echo quit
	} | timeout 30 dpdk-testpmd --no-pci --no-huge -m 256 --no-telemetry --no-shconf \
		--log-level='lib.*:error' --lcores "0@0,1@$(($(nproc) - 1))" --vdev="net_null0,size=$1" \
		-- -i --forward-mode=macswap --port-topology=loop --nb-cores=1 --burst=32 \
		--total-num-mbufs=8192 --no-mlockall --auto-start 2>/dev/null |
		awk '/Tx-pps:/ { rate = $2 } END { print rate + 0 }'
}

command -v dpdk-testpmd >/dev/null || none "dpdk-testpmd is not installed (Debian: dpdk)"
(($(nproc) >= 2)) || none "dpdk-testpmd needs two CPUs"
results='[]'
for size in 64 1420 4200; do
	rate=$(packets_per_second "$size") || none "dpdk-testpmd does not run here"
	((rate)) || none "dpdk-testpmd forwarded nothing"
	results=$(jq -c --argjson size "$size" --argjson rate "$rate" \
		'. + [{frame_bytes: $size, pps: $rate, ns_per_packet: (1e9 / $rate * 1000 | round / 1000)}]' \
		<<<"$results")
done
jq -n --argjson results "$results" '{testpmd: {forward_mode: "macswap", driver: "net_null", burst: 32, results: $results}}'

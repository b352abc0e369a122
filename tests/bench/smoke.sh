#!/usr/bin/env bash
# The benchmarks run, and their JSON has every key. Says nothing about time.
# smoke.sh BENCH-PATH BENCH-SEAL
set -euo pipefail

(($# == 2)) || {
	echo "usage: $0 BENCH-PATH BENCH-SEAL" >&2
	exit 2
}
command -v jq >/dev/null || {
	echo "skipped: no jq"
	exit 77
}
result=0
report=$("$1" --rounds 1) || result=$?
((result == 0)) || exit "$result"
jq -e '
	def has_all($keys): . as $o | all($keys[]; . as $key | $o | has($key));
	has_all(["benchmark", "cpu", "dpdk", "driver", "cipher", "burst", "frames_per_round", "rounds",
		"flows", "huge_pages", "load_average", "results"])
	and (.results | map([.frame_bytes, .direction])) ==
		[[64, 1420, 4200][] as $size | ("outbound", "inbound") as $way | [$size, $way]]
	and all(.results[]; has_all(["ns_per_packet", "ns_per_packet_p10",
		"ns_per_packet_p90", "stages", "macswap_ns", "macswap_null_ns", "memcpy_ns",
		"raw_cipher_ns", "ratio_to_raw_cipher", "machines_ns", "reliability_share", "ratio_to_macswap", "ratio_to_macswap_null", "packets_per_frame", "pps", "gbps"])
		and (.stages | length == 7) and .ns_per_packet > 0 and .macswap_ns > 0)
' <<<"$report" >/dev/null || {
	echo "not the JSON it should be:"
	printf '%s\n' "$report"
	exit 1
}

report=$("$2" --rounds 1) || result=$?
((result == 0)) || exit "$result"
jq -e '
	def has_all($keys): . as $o | all($keys[]; . as $key | $o | has($key));
	has_all(["benchmark", "cpu", "dpdk", "cipher", "burst", "tx_buffers", "order", "huge_pages",
		"load_average", "results"])
	and (.results | map(.frame_bytes)) == [1420, 4200]
	and all(.results[]; has_all(["set_bytes", "packets", "rounds", "measures"])
		and (.measures | has_all(["RAW", "RAW_AHEAD", "SEAL", "SEAL_AHEAD", "SEAL_PIECES",
			"RAW_IN_PLACE", "OPEN", "OPEN_AHEAD", "COPY"]))
		and all(.measures[]; has_all(["ns_per_packet", "ns_per_packet_p10",
			"ns_per_packet_p90", "gbps"]) and .ns_per_packet > 0))
' <<<"$report" >/dev/null || {
	echo "not the JSON it should be:"
	printf '%s\n' "$report"
	exit 1
}

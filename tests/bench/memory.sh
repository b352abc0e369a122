#!/usr/bin/env bash
# Resident memory of each program of a lab that is up (configs/lab/lab up). One JSON object, bytes.
#
# Huge pages count for themselves: the kernel leaves them out of the resident set.
set -euo pipefail

readonly FIELDS='VmRSS|VmHWM|RssAnon|RssFile|RssShmem|HugetlbPages'

# memory_of PID: what /proc says, in bytes.
memory_of() {
	awk -v fields="^($FIELDS):" '$0 ~ fields { sub(":", "", $1); printf "%s %d\n", $1, $2 * 1024 }' \
		"/proc/$1/status" | jq -c -R -n '[inputs | split(" ") | {(.[0]): (.[1] | tonumber)}] | add |
		{resident: .VmRSS, resident_peak: .VmHWM, anonymous: .RssAnon, files: .RssFile,
		shared: .RssShmem, huge_pages: .HugetlbPages}'
}

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/configs/lab/lab
status=$("$lab" status --json) && jq -e .up <<<"$status" >/dev/null || {
	echo "memory.sh: the lab is not up: run configs/lab/lab up first" >&2
	exit 1
}
memory='{}'
while read -r name pid; do
	one=$(memory_of "$pid") || continue
	memory=$(jq -c --arg name "$name" --argjson one "$one" '.[$name] = $one' <<<"$memory")
done < <(jq -r '.pids | to_entries[] | select(.value and .key != "wan") | "\(.key) \(.value)"' <<<"$status")
jq -n --argjson memory "$memory" '{memory_bytes: $memory}'

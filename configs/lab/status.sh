# What runs, what it counted, and what the machine lost by itself. Sourced by configs/lab/lab.

# Numbers of a gateway's counters, or null when it does not run.
gateway_counters() {
	local file=$LAB_STATE/run/$1/counters

	[[ -e $file ]] || {
		printf 'null\n'
		return
	}
	"$(program causeway-perf)" top --once --json --counters "$file" 2>/dev/null || printf 'null\n'
}

# Frames that the kernel dropped between softirqs since it booted, over all CPUs.
backlog_dropped() {
	local total=0 dropped

	while read -r _ dropped _; do
		total=$((total + 16#$dropped))
	done </proc/net/softnet_stat
	printf '%s\n' "$total"
}

# Losses that no gateway and no setting of the line is to blame for: a machine too small for the load.
machine_lost() {
	local name

	for name in $(namespaces); do
		printf '{"name": "%s", "links": %s}\n' "$name" "$(ip -n "$name" -j -s link 2>/dev/null || echo '[]')"
	done | jq -c -s --argjson backlog $(($(backlog_dropped) - $(cat "$LAB_STATE/backlog"))) \
		'{backlog: $backlog, interfaces: ([.[] | .name as $name | .links[] | select(.ifname != "lo") |
			select(.stats64.tx.dropped > 0) | {("\($name)/\(.ifname)"): .stats64.tx.dropped}] | add // {})}'
}

# {LINE: statistics, or null when its emulator does not answer}
lines_stats() {
	local line

	for line in $(lines | cut -d' ' -f1); do
		printf '{"%s": %s}\n' "$line" "$(wan_send "$line" stats 2>/dev/null || echo null)"
	done | jq -c -s add
}

# lost_json LINES-STATISTICS: {"line": N, "backlog": N, "interfaces": {..}}
lost_json() {
	machine_lost | jq -c --argjson line "$1" \
		'. + {line: ([$line[] | select(.) | .a_to_b.lab_lost + .b_to_a.lab_lost] | add // 0)}'
}

# One number, quickly.
lab_lost() {
	(($# == 0)) || usage_error "lost takes no arguments"
	need_root
	need_up
	lost_json "$(lines_stats)" | jq '.line + .backlog + (.interfaces | add // 0)'
}

status_json() {
	local name pids='{}' pid paths=null line gateways='{}'

	for name in control $(gateways) $(lines | cut -d' ' -f1); do
		pid=$(process_pid "$name") || pid=null
		pids=$(jq -c --arg name "$name" --argjson pid "$pid" '.[$name] = $pid' <<<"$pids")
	done
	for name in $(gateways); do
		gateways=$(jq -c --arg name "$name" --argjson counters "$(gateway_counters "$name")" '.[$name] = $counters' <<<"$gateways")
	done
	line=$(lines_stats)
	paths=$(ctl -o json get paths 2>/dev/null | jq -c .items 2>/dev/null) || paths=null
	jq -n --arg port "$LAB_PORT" --arg family "$LAB_FAMILY" --arg wan "$LAB_WAN" --arg pages "$LAB_PAGES" \
		--argjson lan_mtu "$LAB_LAN_MTU" --argjson wan_mtu "$LAB_WAN_MTU" --argjson pids "$pids" \
		--argjson paths "${paths:-null}" --argjson gateways "$gateways" --argjson lost "$(lost_json "$line")" \
		--argjson lines "$line" \
		'{up: true, port: $port, family: $family, wan: $wan, huge_pages: $pages, lan_mtu: $lan_mtu,
		wan_mtu: $wan_mtu, pids: $pids, paths: $paths, gateways: $gateways, line: $lines.wan, lines: $lines,
		lab_lost: $lost}'
}

status_text() {
	jq -r '"mode \(.port), LAN MTU \(.lan_mtu), WAN MTU \(.wan_mtu), WAN \(.wan), huge pages: \(.huge_pages)",
		(.pids | to_entries[] | "  \(.key)\t\(if .value then "pid \(.value)" else "does not run" end)"),
		(if .paths == null then "control does not answer" elif .paths == [] then "no path" else
			(.paths[] | "path \(.name): \(.status.state)") end),
		(.lines[] | select(.) | (.a_to_b, .b_to_a) | "line \(.from) -> \(.to): \(.rx_frames) frames in, " +
			"\(.tx_frames) out, dropped \(.dropped | add)"),
		"lost by this machine, not by a gateway: line \(.lab_lost.line), backlog \(.lab_lost.backlog), " +
			"interfaces \(.lab_lost.interfaces | add // 0)"'
}

lab_status() {
	local json=''

	[[ ${1:-} != --json ]] || {
		json=yes
		shift
	}
	(($# == 0)) || usage_error "status takes --json only"
	if [[ ! -e $LAB_STATE/up ]]; then
		[[ -n $json ]] && printf '{"up":false}\n' || printf 'the lab is not up\n'
		return
	fi
	need_root
	need_up
	if [[ -n $json ]]; then
		status_json
	else
		status_json | status_text
	fi
}

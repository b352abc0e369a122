# shellcheck shell=bash
# Scenes that every port mode plays. Sourced behind lib.sh; a lab is up.

# What the moment of a switch between kernel and tunnel may do to a stream; a port mode may say otherwise.
AT_SWITCH=stream_is_whole AT_RESTART=stream_has_no_duplicate

# A path comes up under traffic, carries it all, and agrees with itself.
scene_path_under_traffic() {
	local before after

	step "best effort, before any path"
	must "the kernels route between the sites" pings "$HOST_B" 10
	must "IPv6 too" pings "$HOST_B6" 10
	check "a path of 1 Gb/s, as in README, fits" lab ctl offer --from a --to b --rate 1G
	step "a path comes up under traffic"
	unreachable_watch
	stream_start "$HOST_B" 5555 30
	# Its traffic goes from the kernel to the tunnel and back, without a gap.
	lab path job1 --rate "${RATE:-500M}" --when-down best_effort || exit 1
	check "the switch does no harm ($AT_SWITCH)" "$AT_SWITCH"
	before=$(counters)
	check "pings return through the path" pings "$HOST_B" 50
	check "IPv6 pings too" pings "$HOST_B6" 50
	after=$(counters)
	check "both ends count the same packets" ends_agree "$before" "$after"
	check "control is told so" eventually 3 reported_alike "$after"
	check "the far gateway's own address answers" pings 10.102.0.1 10
	check "by IPv6 too" pings fd02::1 10
	check "at least the 200 echo packets went through the tunnel" \
		test "$(($(tunnel_packets "$after") - $(tunnel_packets "$before")))" -ge 200
	check "rx = tx + held + drops" sums_hold "$after"
}

scene_throughput() {
	local before after

	step "TCP and UDP through the path"
	before=$(counters)
	check "TCP" moves 20000000 "$HOST_B" 5201 -t 1
	check "TCP back" moves 20000000 "$HOST_B" 5202 -t 1 -R
	check "TCP over IPv6" moves 20000000 "$HOST_B6" 5203 -t 1
	check "UDP" moves 15000000 "$HOST_B" 5204 -t 1 -u -b 20M
	after=$(counters)
	check "both ends count the same packets" ends_agree "$before" "$after"
	check "rx = tx + held + drops" sums_hold "$after"
}

scene_unclaimed_stays_with_the_kernel() {
	local before after

	step "an unclaimed port goes by the kernel"
	before=$(counters)
	check "TCP on port 6001" moves 20000000 "$HOST_B" 6001 -t 1
	after=$(counters)
	check "no tunnel counter moved" test "$(tunnel_packets "$before")" = "$(tunnel_packets "$after")"
}

# Every size around the MTU of the LAN comes through unharmed.
scene_sizes() { # LAN-MTU
	local size

	step "sizes up to the LAN's MTU of $1"
	sleep 0.5 # what the transfer before left in the lab's queues
	for size in 0 1 64 1372 1400 1472 $(($1 - 29)) $(($1 - 28)); do
		((size + 28 <= $1)) || continue
		check "echo of $size bytes" pings_show "$HOST_B" 5 -s "$size" -M "do"
	done
}

# Site b's map for class lossless; without arguments none.
site_map() { # [DSCP PRIORITY]
	lab ctl -o json get sites b |
		jq --arg dscp "${1:-}" --arg priority "${2:-}" '{items: [{kind, name, spec: (.spec | del(.qos) +
			if $dscp == "" then {} else
			{qos: {lossless: {dscp: ($dscp | tonumber), pfc_priority: ($priority | tonumber)}}} end)}]}' \
			>"$WORK/site"
	lab ctl apply -f "$WORK/site" >/dev/null
}

# What is sent with DSCP 34 and ECT(0) arrives at host b so.
arrives_as() { # ADDRESS DSCP
	local receiver

	at host-b python3 "$TESTS/traffic_class.py" receive "$1" 5700 >"$WORK/class" &
	receiver=$!
	eventually 5 stream_listens 5700
	at host-a python3 "$TESTS/traffic_class.py" send "$1" 5700 34
	wait "$receiver" && [[ $(cat "$WORK/class") == "$2 2" ]]
}

# Each site has its own DSCP for a class: the far gateway writes it.
scene_site_map() {
	step "site b has a DSCP of its own for the class"
	check "as sent, without a map" arrives_as "$HOST_B" 34
	must "site b has a map" site_map 26 5
	check "as the site wants it" eventually 5 arrives_as "$HOST_B" 26
	check "IPv6 too" arrives_as "$HOST_B6" 26
	must "site b has none any more" site_map
	check "as sent again" eventually 5 arrives_as "$HOST_B6" 34
	check "the path is active" path_is active
}

windows_retain() { # PACKETS: at least so many, at either gateway
	local gateway

	for gateway in gw-a gw-b; do
		(($(gateway_page "$gateway" | jq '.paths[] | select(.name == "job1") | .transport.retain_packets_max') >= $1)) ||
			return 1
	done
}

# Its windows follow, and nothing of what is under way is lost for it.
scene_rate_change() { # RATE-BPS RETAINED-PACKETS
	step "another rate under traffic: $1 bit/s"
	stream_start "$HOST_B" 5559 30
	sleep 1
	lab ctl -o json path show job1 |
		jq --argjson rate "$1" '{items: [{kind, name, spec: (.spec + {rate_bps: $rate, max_bps: $rate})}]}' \
			>"$WORK/path"
	must "control takes it" lab ctl apply -f "$WORK/path"
	check "the windows follow" eventually 5 windows_retain "$2"
	check "no datagram lost or doubled" stream_is_whole
	check "the path is active" path_is active
}

# A cut is seen, and so is its end; what was claimed goes on being claimed.
scene_line_cut() {
	step "the WAN is cut and joined again"
	lab line cut
	check "the path is degraded" eventually 10 path_is degraded
	lab line join
	check "the path is active again" eventually 10 path_is active
	check "pings return" pings "$HOST_B" 10
}

scene_control_restart() {
	step "control is killed and started again under traffic"
	stream_start "$HOST_B" 5556 30
	lab stop control --kill
	sleep 1
	lab start control
	check "the path is active again" eventually 15 path_is active
	check "no datagram lost or doubled" stream_is_whole
}

scene_gateway_restart() { # GATEWAY
	local name=$1

	step "$name is killed and started again under traffic"
	# While it is dead, its kernel may say that nobody listens.
	check "no ICMP unreachable was on the WAN" unreachable_none
	stream_start "$HOST_B" 5557 30
	lab stop "$name" --kill
	lab start "$name"
	check "the path is active again" eventually 20 path_is active
	check "pings return" eventually 10 pings "$HOST_B" 10
	check "the restart does no harm ($AT_RESTART)" "$AT_RESTART"
	unreachable_watch
	check "TCP through the path" moves 20000000 "$HOST_B" 5206 -t 1
}

scene_path_goes_under_traffic() {
	step "the path goes under traffic"
	stream_start "$HOST_B" 5558 30
	lab unpath job1 || exit 1
	check "the switch does no harm ($AT_SWITCH)" "$AT_SWITCH"
	check "the kernels route again" pings "$HOST_B" 10
	check "no ICMP unreachable was on the WAN" unreachable_none
}

scene_term() {
	step "SIGTERM"
	check "gw-b drains and exits 0 in under 2 s" exits_clean_on_term gw-b
}

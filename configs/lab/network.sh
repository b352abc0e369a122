# Namespaces, cables, addresses and routes. Sourced by configs/lab/lab.
#
#   cw-host-a eth0 -- lan0 cw-gw-a wan0 -- wan-a cw-wan wan-b -- wan0 cw-gw-b lan0 -- eth0 cw-host-b
#   cw-mgmt br0 10.254.0.1 -- mgmt0 in all gateways
#
# With three sites each two have a line: wan1 of gw-a leads to site c, wan0 of gw-c to site a, wan1 of gw-b and
# gw-c to each other. Line N has the addresses 10.200.N.SITE and fd00:20N::SITE.

site_number() {
	case $1 in
	a) printf 1 ;;
	b) printf 2 ;;
	*) printf 3 ;;
	esac
}

namespaces_add() {
	local name

	for name in $(namespaces); do
		ip netns add "$name" || die "namespace $name exists: another lab, or one that was not cleared (lab down)"
		printf '%s\n' "$name" >>"$LAB_STATE/namespaces"
		ip -n "$name" link set lo up
		# Not every kernel has each of these knobs in a namespace.
		inside "$name" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0
	done
	for name in $(gateways); do
		inside "cw-$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
			net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
	done
}

namespaces_remove() {
	local name

	[[ -e $LAB_STATE/namespaces ]] || return 0
	while read -r name; do
		namespace_processes_stop "$name"
		ip netns del "$name" 2>/dev/null || true
	done <"$LAB_STATE/namespaces"
	rm -f "$LAB_STATE/namespaces"
}

# What users and tests left running in a namespace that is about to go away.
namespace_processes_stop() {
	local pids

	pids=$(ip netns pids "$1" 2>/dev/null) || return 0
	[[ -z $pids ]] || kill $pids 2>/dev/null || true
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		pids=$(ip netns pids "$1" 2>/dev/null) || return 0
		[[ -n $pids ]] || return 0
		sleep 0.1
	done
	kill -KILL $pids 2>/dev/null || true
}

# interface_plain NAMESPACE INTERFACE: packets as on a cable, no super-packets, checksums filled in.
interface_plain() {
	local feature

	for feature in rx tx sg tso gso gro; do
		# Some are fixed on some kinds of interface; fixed off is fine, and status tells the rest.
		inside "$1" ethtool -K "$2" "$feature" off >/dev/null 2>&1 || true
	done
	# A queue that pushes back where the far side's ring is full: veth alone would drop in silence.
	ip -n "$1" link set "$2" txqueuelen 1000
	inside "$1" tc qdisc replace dev "$2" root pfifo limit 1000
}

# cable MTU NAMESPACE INTERFACE NAMESPACE INTERFACE
cable() {
	ip link add "$3" mtu "$1" netns "$2" type veth peer name "$5" mtu "$1" netns "$4"
	interface_plain "$2" "$3"
	interface_plain "$4" "$5"
	ip -n "$2" link set "$3" up
	ip -n "$4" link set "$5" up
}

management_add() {
	local site

	ip -n cw-mgmt link add br0 type bridge forward_delay 0
	ip -n cw-mgmt addr add 10.254.0.1/24 dev br0
	ip -n cw-mgmt link set br0 up
	for site in $(sites); do
		ip link add mgmt0 netns "cw-gw-$site" type veth peer name "gw-$site" netns cw-mgmt
		ip -n cw-mgmt link set "gw-$site" master br0 up
		ip -n "cw-gw-$site" addr add "10.254.0.1$(site_number "$site")/24" dev mgmt0
		ip -n "cw-gw-$site" link set mgmt0 up
	done
}

# The veth cables of all sites (modes xdp and packet).
cables_add() {
	local site line near far

	for site in $(sites); do
		cable "$LAB_LAN_MTU" "cw-host-$site" eth0 "cw-gw-$site" lan0
	done
	while read -r line near far _; do
		if [[ $LAB_WAN == cable ]]; then
			cable "$LAB_WAN_MTU" "cw-gw-$near" "$(line_port "$line" "$near")" "cw-gw-$far" "$(line_port "$line" "$far")"
			continue
		fi
		for site in "$near" "$far"; do
			cable "$LAB_WAN_MTU" "cw-gw-$site" "$(line_port "$line" "$site")" cw-wan "$(line_end "$line" "$site")"
		done
	done < <(lines)
}

host_configure() {
	local site=$1 n

	n=$(site_number "$site")
	ip -n "cw-host-$site" addr add "10.10$n.0.10/16" dev eth0
	ip -n "cw-host-$site" addr add "fd0$n::10/64" dev eth0 nodad
	ip -n "cw-host-$site" route add default via "10.10$n.0.1"
	ip -n "cw-host-$site" -6 route add default via "fd0$n::1"
}

# Before a path exists, the kernels route between the sites over the WAN: best effort.
gateway_configure() {
	local site=$1 n line a z number

	n=$(site_number "$site")
	ip -n "cw-gw-$site" addr add "10.10$n.0.1/16" dev lan0
	ip -n "cw-gw-$site" addr add "fd0$n::1/64" dev lan0 nodad
	while read -r line a z number; do
		[[ $site != "$a" ]] || line_configure "$line" "$number" "$site" "$z"
		[[ $site != "$z" ]] || line_configure "$line" "$number" "$site" "$a"
	done < <(lines)
}

# line_configure LINE NUMBER SITE FAR-SITE: one end of it.
line_configure() {
	local port n far

	port=$(line_port "$1" "$3") n=$(site_number "$3") far=$(site_number "$4")
	ip -n "cw-gw-$3" addr add "10.200.$2.$n/24" dev "$port"
	ip -n "cw-gw-$3" addr add "fd00:20$2::$n/64" dev "$port" nodad
	ip -n "cw-gw-$3" route add "10.10$far.0.0/16" via "10.200.$2.$far"
	ip -n "cw-gw-$3" -6 route add "fd0$far::/64" via "fd00:20$2::$far"
}

# ---- ethdev: the gateway makes TAP devices in its own namespace; the lab plugs their ends in ----

namespace_has() {
	ip -n "$1" link show dev "$2" >/dev/null 2>&1
}

# tap_plug NAMESPACE TAP TO-NAMESPACE INTERFACE MTU
tap_plug() {
	local mac

	wait_for 15 "$2 appeared in $1" namespace_has "$1" "$2" || return 1
	ip -n "$1" link set "$2" down
	ip -n "$1" link set "$2" netns "$3" name "$4"
	# The device behind the TAP bears the TAP's own address: its far end must have another.
	printf -v mac '02:ca:%02x:%02x:%02x:%02x' $((RANDOM % 256)) $((RANDOM % 256)) $((RANDOM % 256)) $((RANDOM % 256))
	ip -n "$3" link set "$4" address "$mac" mtu "$5"
	interface_plain "$3" "$4"
	# A TAP drops what its reader is late for, and its ring is as long as this queue.
	ip -n "$3" link set "$4" txqueuelen 8192
	ip -n "$3" link set "$4" up
}

gateway_is_up() {
	! process_is_gone "$1" || process_failed "$1"
	# A log goes on after a restart: only what this process wrote counts.
	tail -n +"$(($(cat "$LAB_STATE/lines/$1") + 1))" "$LAB_STATE/log/$1" | grep -q ' is up'
}

# taps_plug SITE LAN-MTU WAN-MTU: after the gateway has started.
taps_plug() {
	local gateway=cw-gw-$1 port

	# Not before: the driver still sets up its TAPs by name, in its own namespace.
	wait_for 15 "gw-$1 was up" gateway_is_up "gw-$1" || return 1
	tap_plug "$gateway" "cwtl$1" "cw-host-$1" eth0 "$2" || return 1
	tap_plug "$gateway" "cwtw$1" cw-wan "wan-$1" "$3" || return 1
	for port in lan0 wan0; do
		wait_for 15 "$port appeared in $gateway" namespace_has "$gateway" "$port" || return 1
		ip -n "$gateway" link set "$port" up
	done
	host_configure "$1"
	gateway_configure "$1"
}

# Huge pages, configuration files and the daemons. Sourced by configs/lab/lab.

pages_free() {
	awk '/^HugePages_Free/ { print $2 }' /proc/meminfo
}

# Sets huge_pages to require or none. The old number is kept for `down`.
pages_reserve() {
	local before needed=$((LAB_MEMORY / 2 * LAB_SITES)) # of 2 MiB

	before=$(</proc/sys/vm/nr_hugepages)
	printf '%s\n' "$before" >"$LAB_STATE/nr_hugepages"
	if (($(pages_free) < needed)); then
		echo $((before + needed)) 2>/dev/null >/proc/sys/vm/nr_hugepages || true
	fi
	if (($(pages_free) >= needed)); then
		LAB_PAGES=require
		return
	fi
	echo "$before" 2>/dev/null >/proc/sys/vm/nr_hugepages || true
	say "lab: no $needed huge pages to be had: gateways run without"
	LAB_PAGES=none
}

pages_restore() {
	[[ -e $LAB_STATE/nr_hugepages ]] || return 0
	cat "$LAB_STATE/nr_hugepages" 2>/dev/null >/proc/sys/vm/nr_hugepages || true
	rm -f "$LAB_STATE/nr_hugepages"
}

bpffs_mount() {
	[[ $(stat -f -c %T /sys/fs/bpf 2>/dev/null) == bpf_fs ]] && return
	[[ -d /sys/fs/bpf ]] || die "this kernel has no /sys/fs/bpf: eBPF is needed"
	mount -t bpf bpf /sys/fs/bpf
	touch "$LAB_STATE/bpffs"
}

bpffs_unmount() {
	[[ -e $LAB_STATE/bpffs ]] || return 0
	umount /sys/fs/bpf 2>/dev/null || true
	rm -f "$LAB_STATE/bpffs"
}

# port_device PORT SITE
port_device() {
	local site=$2

	if [[ $LAB_PORT != ethdev ]]; then
		printf '    interface: %s\n' "$1"
	elif [[ $1 == lan0 ]]; then
		printf '    device: "net_tap0,iface=cwtl%s"\n    mtu: %s\n' "$site" "$LAB_LAN_MTU"
	else
		printf '    device: "net_tap1,iface=cwtw%s"\n    mtu: %s\n' "$site" "$LAB_WAN_MTU"
	fi
}

gateway_config() {
	local site=$1 port

	cat <<-END
	name: gw-$site
	run_dir: $LAB_STATE/run
	state_dir: $LAB_STATE/state
	control:
	  url: https://$LAB_CONTROL
	  ca: $LAB_STATE/pki/ca.crt
	  cert: $LAB_STATE/pki/gateway-gw-$site.crt
	  key: $LAB_STATE/pki/gateway-gw-$site.key
	workers: 1
	idle: adaptive
	memory:
	  size: ${LAB_MEMORY}MiB
	  huge_pages: $LAB_PAGES
	udp_port: 47700
	ports:
	END
	for port in lan0 $(wan_ports "$site"); do
		printf '  - name: %s\n    role: %s\n    mode: %s\n' "$port" "${port%?}" "$LAB_PORT"
		port_device "$port" "$site"
	done
}

# wan_ports SITE
wan_ports() {
	lines | while read -r line a z _; do
		[[ $1 != "$a" && $1 != "$z" ]] || line_port "$line" "$1"
	done | sort
}

# The link's round trip as a member of its spec: what the emulator was told, in milliseconds one way; else what
# hosts, gateways and WAN on a few cores take at most. Left out it would be taken for 50 ms, and the gateways'
# small memory for full.
link_rtt() {
	local delay=0

	[[ $LAB_WAN != emulator || ! $LAB_DELAY =~ ^[0-9]*[.]?[0-9]+$ ]] || delay=$LAB_DELAY
	awk -v delay="$delay" 'BEGIN { us = int(2000 * delay + 0.5); printf "{\"rtt\": \"%dus\"}", us ? us : 2000 }'
}

# An authority of the lab's own, and a certificate for control, each gateway and whoever uses the lab.
pki_make() {
	local site

	pki init
	pki issue control lab --host "${LAB_CONTROL%:*}"
	pki issue admin lab
	for site in $(sites); do
		pki issue gateway "gw-$site" --site "$site"
	done
}

pki() {
	"$(program causewayctl)" pki "$@" --dir "$LAB_STATE/pki" >/dev/null
}

configs_write() {
	local site

	pki_make
	printf 'listen: [ "%s", "unix:%s/control" ]\nlog: info\ntls:\n  ca: %s\n  cert: %s\n  key: %s\n' "$LAB_CONTROL" "$LAB_STATE" \
		"$LAB_STATE"/pki/{ca.crt,control-lab.crt,control-lab.key} >"$LAB_STATE/config/control.yaml"
	printf 'store:\n  path: %s\n' "$LAB_STATE/state/control.db" >>"$LAB_STATE/config/control.yaml"
	for site in $(sites); do
		gateway_config "$site" >"$LAB_STATE/config/gw-$site.yaml"
	done
	objects_write
}

# {"site": .., "port": .., "line": N} of each end of each line.
line_ends() {
	local line a z number site

	lines | while read -r line a z number; do
		for site in "$a" "$z"; do
			printf '{"line": "%s", "number": %s, "site": "%s", "n": %s, "port": "%s"}\n' "$line" "$number" "$site" \
				"$(site_number "$site")" "$(line_port "$line" "$site")"
		done
	done
}

objects_write() {
	line_ends | jq -s --arg rate "${LAB_RATE:-10G}" --arg family "$LAB_FAMILY" --argjson rtt "$(link_rtt)" '
		(group_by(.site)[] | .[0] as $s |
			{kind: "site", name: $s.site, spec: {prefixes: ["10.10\($s.n).0.0/16", "fd0\($s.n)::/64"]}}),
		(group_by(.site)[] | {kind: "gateway", name: "gw-\(.[0].site)", spec: {site: .[0].site, ports: map(
			{name: .port, addresses: ["10.200.\(.number).\(.n)", "fd00:20\(.number)::\(.n)"]})}}),
		(group_by(.number)[] | {kind: "link", name: .[0].line, spec: ({a: "gw-\(.[0].site):\(.[0].port)",
			z: "gw-\(.[1].site):\(.[1].port)", capacity_bps: $rate, family: $family} + $rtt)})
		' | jq -s . >"$LAB_STATE/config/objects.json"
}

# ctl ARGUMENTS...: causewayctl, where control is reached.
ctl() {
	inside cw-mgmt "$(program causewayctl)" --url "https://$LAB_CONTROL" --ca "$LAB_STATE/pki/ca.crt" \
		--cert "$LAB_STATE/pki/admin-lab.crt" --key "$LAB_STATE/pki/admin-lab.key" "$@"
}

control_answers() {
	! process_is_gone control || process_failed control
	ctl -o json get sites >/dev/null 2>&1
}

gateways_connected() { # NAME...
	local name

	for name; do
		! process_is_gone "$name" || process_failed "$name"
	done
	ctl -o json get gateways 2>/dev/null |
		jq -e '[.items[] | select(.status.connected).name] as $there | $ARGS.positional - $there == []' --args "$@" >/dev/null
}

# Once: control keeps them.
objects_apply() {
	ctl apply -f "$LAB_STATE/config/objects.json" >>"$LAB_STATE/log/apply" 2>&1 || process_failed apply
}

control_start() {
	process_start control cw-mgmt "$(program causeway-control)" --config "$LAB_STATE/config/control.yaml"
	wait_for 10 "control answered" control_answers || process_failed control
}

gateway_start() {
	local site=${1#gw-}

	# A gateway has its cores for itself; here it shares them with its own traffic's ends.
	process_start "$1" "cw-gw-$site" nice -n -10 "$(program causeway-gateway)" --config "$LAB_STATE/config/$1.yaml"
	[[ $LAB_PORT != ethdev ]] || taps_plug "$site" "$LAB_LAN_MTU" "$LAB_WAN_MTU" || process_failed "$1"
}

wans_start() {
	local line

	for line in $(lines | cut -d' ' -f1); do
		wan_start "$line"
	done
}

# line_socket LINE: where its emulator takes commands.
line_socket() {
	printf '%s/%s.sock\n' "$LAB_STATE" "$1"
}

wan_start() { # LINE
	local options=() a z

	[[ -z $LAB_DELAY ]] || options+=(--delay "$LAB_DELAY")
	[[ -z $LAB_LOSS ]] || options+=(--loss "$LAB_LOSS")
	[[ -z $LAB_RATE ]] || options+=(--rate "$LAB_RATE")
	read -r _ a z _ < <(lines | grep "^$1 ")
	process_start "$1" cw-wan "$(program causeway-wan)" "${options[@]}" --control "$(line_socket "$1")" \
		"$(line_end "$1" "$a")" "$(line_end "$1" "$z")"
	wait_for 5 "the emulator answered" wan_answers "$1" || process_failed "$1"
}

wan_answers() {
	! process_is_gone "$1" || process_failed "$1"
	wan_send "$1" stats >/dev/null 2>&1
}

# wan_send LINE COMMAND...
wan_send() {
	"$(program causeway-wan)" --send "$(line_socket "$1")" "${@:2}"
}

services() {
	printf 'control\n'
	gateways
	lines | cut -d' ' -f1
}

service_exists() {
	is_among "$1" $(services)
}

service_start() {
	process_is_gone "$1" || die "$1 runs already"
	case $1 in
	control) control_start ;;
	gw-*)
		gateway_start "$1"
		# The TAP that the emulator listened on went away with the gateway.
		[[ $LAB_PORT != ethdev || $LAB_WAN != emulator ]] || {
			process_stop wan
			wan_start wan
		}
		# Without control it goes on with what it knew.
		process_is_gone control || wait_for 20 "$1 was connected to control" gateways_connected "$1" ||
			process_failed "$1"
		;;
	*) wan_start "$1" ;;
	esac
}

# Huge pages, configuration files and the daemons. Sourced by configs/lab/lab.

pages_free() {
	awk '/^HugePages_Free/ { print $2 }' /proc/meminfo
}

# Sets huge_pages to require or none. The old number is kept for `down`.
pages_reserve() {
	local before needed=$LAB_MEMORY # of 2 MiB, for two gateways

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

port_device() {
	local role=$1 site=$2

	if [[ $LAB_PORT != ethdev ]]; then
		printf '    interface: %s0\n' "$role"
	elif [[ $role == lan ]]; then
		printf '    device: "net_tap0,iface=cwtl%s"\n    mtu: %s\n' "$site" "$LAB_LAN_MTU"
	else
		printf '    device: "net_tap1,iface=cwtw%s"\n    mtu: %s\n' "$site" "$LAB_WAN_MTU"
	fi
}

gateway_config() {
	local site=$1 role

	cat <<-END
	name: gw-$site
	run_dir: $LAB_STATE/run
	state_dir: $LAB_STATE/state
	control:
	  url: http://$LAB_CONTROL
	workers: 1
	idle: adaptive
	memory:
	  size: ${LAB_MEMORY}MiB
	  huge_pages: $LAB_PAGES
	udp_port: 47700
	ports:
	END
	for role in lan wan; do
		printf '  - name: %s0\n    role: %s\n    mode: %s\n' "$role" "$role" "$LAB_PORT"
		port_device "$role" "$site"
	done
}

# The link's round trip as a member of its spec, where the emulator was told a delay: milliseconds one way.
link_rtt() {
	[[ $LAB_WAN == emulator && $LAB_DELAY =~ ^[0-9]*[.]?[0-9]+$ ]] || {
		printf '{}'
		return
	}
	awk -v delay="$LAB_DELAY" 'BEGIN { us = int(2000 * delay + 0.5); if (us) printf "{\"rtt\": \"%dus\"}", us; else printf "{}" }'
}

configs_write() {
	local site

	printf 'listen: [ "%s" ]\nlog: info\n' "$LAB_CONTROL" >"$LAB_STATE/config/control.yaml"
	for site in a b; do
		gateway_config "$site" >"$LAB_STATE/config/gw-$site.yaml"
	done
	jq -n --arg rate "${LAB_RATE:-10G}" --arg family "$LAB_FAMILY" --argjson rtt "$(link_rtt)" '[
		{kind: "site", name: "a", spec: {prefixes: ["10.101.0.0/16", "fd01::/64"]}},
		{kind: "site", name: "b", spec: {prefixes: ["10.102.0.0/16", "fd02::/64"]}},
		{kind: "gateway", name: "gw-a", spec: {site: "a",
			ports: [{name: "wan0", addresses: ["10.200.0.1", "fd00:200::1"]}]}},
		{kind: "gateway", name: "gw-b", spec: {site: "b",
			ports: [{name: "wan0", addresses: ["10.200.0.2", "fd00:200::2"]}]}},
		{kind: "link", name: "wan", spec: ({a: "gw-a:wan0", z: "gw-b:wan0",
			capacity_bps: $rate, family: $family} + $rtt)}]' >"$LAB_STATE/config/objects.json"
}

# ctl ARGUMENTS...: causewayctl, where control is reached.
ctl() {
	inside cw-mgmt "$(program causewayctl)" --url "http://$LAB_CONTROL" "$@"
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

# Everything that the lab knows in one call: a control that lost its memory must not tear paths down.
objects_apply() {
	local file=$LAB_STATE/config/all.json

	jq -s '.[0] + .[1:]' "$LAB_STATE/config/objects.json" \
		$(find "$LAB_STATE/paths" -name '*.json' | sort) >"$file"
	ctl apply -f "$file" >>"$LAB_STATE/log/apply" 2>&1 || process_failed apply
}

control_start() {
	process_start control cw-mgmt "$(program causeway-control)" --config "$LAB_STATE/config/control.yaml"
	wait_for 10 "control answered" control_answers || process_failed control
	objects_apply
}

gateway_start() {
	local site=${1#gw-}

	# A gateway has its cores for itself; here it shares them with its own traffic's ends.
	process_start "$1" "cw-gw-$site" nice -n -10 "$(program causeway-gateway)" --config "$LAB_STATE/config/$1.yaml"
	[[ $LAB_PORT != ethdev ]] || taps_plug "$site" "$LAB_LAN_MTU" "$LAB_WAN_MTU" || process_failed "$1"
}

wan_start() {
	local options=()

	[[ -z $LAB_DELAY ]] || options+=(--delay "$LAB_DELAY")
	[[ -z $LAB_LOSS ]] || options+=(--loss "$LAB_LOSS")
	[[ -z $LAB_RATE ]] || options+=(--rate "$LAB_RATE")
	process_start wan cw-wan "$(program causeway-wan)" "${options[@]}" --control "$LAB_STATE/wan.sock" wan-a wan-b
	wait_for 5 "the emulator answered" wan_answers || process_failed wan
}

wan_answers() {
	! process_is_gone wan || process_failed wan
	wan_send stats >/dev/null 2>&1
}

wan_send() {
	"$(program causeway-wan)" --send "$LAB_STATE/wan.sock" "$@"
}

service_start() {
	process_is_gone "$1" || die "$1 runs already"
	case $1 in
	control) control_start ;;
	gw-a | gw-b)
		gateway_start "$1"
		# The TAP that the emulator listened on went away with the gateway.
		[[ $LAB_PORT != ethdev || $LAB_WAN != emulator ]] || {
			process_stop wan
			wan_start
		}
		# Without control it goes on with what it knew.
		process_is_gone control || wait_for 20 "$1 was connected to control" gateways_connected "$1" ||
			process_failed "$1"
		;;
	wan) wan_start ;;
	*) usage_error "no service $1: control, gw-a, gw-b, wan" ;;
	esac
}

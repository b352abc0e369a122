# up, down and the build. Sourced by configs/lab/lab.

readonly LAB_PROGRAMS=(causeway-gateway causeway-control causewayctl causeway-perf causeway-wan causeway-roce)

settings_default() {
	LAB_PORT=xdp LAB_DELAY='' LAB_LOSS='' LAB_RATE='' LAB_LAN_MTU='' LAB_WAN_MTU=''
	LAB_SITES=2 LAB_WAN=emulator LAB_FAMILY=ipv4 LAB_MEMORY=256 LAB_PAGES=none LAB_BARE=''
}

settings_read() {
	local option

	settings_default
	while (($#)); do
		option=$1
		shift
		if [[ $option == --no-gateways ]]; then
			LAB_BARE=yes
			continue
		fi
		(($#)) || usage_error "$option needs a value"
		case $option in
		--port) LAB_PORT=$1 ;;
		--delay) LAB_DELAY=$1 ;;
		--loss) LAB_LOSS=$1 ;;
		--rate) LAB_RATE=$1 ;;
		--lan-mtu) LAB_LAN_MTU=$1 ;;
		--wan-mtu) LAB_WAN_MTU=$1 ;;
		--sites) LAB_SITES=$1 ;;
		--wan) LAB_WAN=$1 ;;
		--family) LAB_FAMILY=$1 ;;
		--memory) LAB_MEMORY=$1 ;;
		*) usage_error "unknown option $option" ;;
		esac
		shift
	done
	settings_check
}

settings_check() {
	local mtu

	[[ $LAB_PORT =~ ^(xdp|packet|ethdev)$ ]] || usage_error "--port is xdp, packet or ethdev, not $LAB_PORT"
	[[ $LAB_WAN =~ ^(emulator|cable|open)$ ]] || usage_error "--wan is emulator, cable or open, not $LAB_WAN"
	[[ $LAB_WAN != cable || $LAB_PORT != ethdev ]] || usage_error "--wan cable is for --port xdp and packet"
	[[ $LAB_FAMILY =~ ^(ipv4|ipv6)$ ]] || usage_error "--family is ipv4 or ipv6, not $LAB_FAMILY"
	[[ -z $LAB_DELAY || $LAB_DELAY =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage_error "--delay is a number of ms, not $LAB_DELAY"
	[[ -z $LAB_LOSS || $LAB_LOSS =~ ^(0(\.[0-9]+)?|1|[0-9.]+%)$ ]] || usage_error "--loss is 0 to 1, or a percentage, not $LAB_LOSS"
	[[ -z $LAB_RATE || $LAB_RATE =~ ^[0-9]+(\.[0-9]+)?[kMG]?$ ]] || usage_error "--rate is like 200M or 1G, not $LAB_RATE"
	[[ $LAB_SITES =~ ^[23]$ ]] || usage_error "--sites is 2 or 3, not $LAB_SITES"
	[[ $LAB_SITES == 2 || ($LAB_PORT != ethdev && $LAB_WAN != open) ]] ||
		usage_error "--sites 3 goes with --port xdp and packet, and not with --wan open"
	[[ $LAB_MEMORY =~ ^[0-9]{3,5}$ ]] && ((LAB_MEMORY >= 256)) ||
		usage_error "--memory is the MiB of each gateway, 256 or more, not $LAB_MEMORY"
	case $LAB_PORT in
	packet) : "${LAB_LAN_MTU:=9000}" "${LAB_WAN_MTU:=9216}" ;;
	ethdev) : "${LAB_LAN_MTU:=1500}" "${LAB_WAN_MTU:=1500}" ;;
	*) : "${LAB_LAN_MTU:=1500}" "${LAB_WAN_MTU:=2000}" ;;
	esac
	[[ $LAB_PORT != ethdev ]] || ((LAB_LAN_MTU <= 1500 && LAB_WAN_MTU <= 1500)) ||
		usage_error "DPDK's TAP driver, which --port ethdev stands on here, takes MTUs of at most 1500"
	for mtu in "$LAB_LAN_MTU" "$LAB_WAN_MTU"; do
		[[ $mtu =~ ^[0-9]+$ ]] && ((mtu >= 1280 && mtu <= 9600)) || usage_error "an MTU is 1280 to 9600, not $mtu"
	done
}

settings_write() {
	local name

	for name in PORT DELAY LOSS RATE LAN_MTU WAN_MTU SITES WAN FAMILY MEMORY PAGES BARE; do
		declare -n value=LAB_$name
		printf 'LAB_%s=%q\n' "$name" "$value"
	done >"$LAB_STATE/settings"
}

# A person sees ninja's one line of progress; a log file gets what matters.
build() {
	local log=$LAB_BUILD.log targets=(dataplane/causeway-gateway control/causeway-control
		control/ctl/causewayctl perf/causeway-perf tests/wan/causeway-wan
		tests/roce/causeway-roce)

	say "lab: building in $LAB_BUILD (a minute or so, once)"
	if [[ ! -e $LAB_BUILD/build.ninja ]] && ! meson setup "$LAB_BUILD" "$LAB_ROOT" >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "meson setup failed; all it said: $log"
	fi
	if [[ -t 2 ]]; then
		ninja -C "$LAB_BUILD" -j2 "${targets[@]}" >&2 || die "the build failed"
	elif ! ninja -C "$LAB_BUILD" -j2 "${targets[@]}" >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "the build failed; all it said: $log"
	fi
}

lab_bootstrap() {
	(($# == 0)) || usage_error "bootstrap takes no arguments"
	packages_install
	build
}

# A fresh clone needs one command. What is built is not built again: tests run against it.
programs_need() {
	local name

	command -v jq >/dev/null && command -v ethtool >/dev/null || packages_install
	for name in "${LAB_PROGRAMS[@]}"; do
		[[ -x $(program "$name") ]] || {
			lab_bootstrap
			return
		}
	done
}

network_up() {
	local site

	namespaces_add
	management_add
	[[ $LAB_PORT != ethdev || -n $LAB_BARE ]] || return 0
	cables_add
	for site in $(sites); do
		host_configure "$site"
		gateway_configure "$site"
	done
}

services_up() {
	local gateway

	pages_reserve
	bpffs_mount
	settings_write
	configs_write
	control_start
	objects_apply
	for gateway in $(gateways); do
		gateway_start "$gateway"
	done
	[[ $LAB_WAN != emulator ]] || wans_start
	wait_for 20 "all gateways were connected to control" gateways_connected $(gateways) || process_failed $(gateways) control
}

up_failed() {
	say "lab: up failed: taking down what was there"
	lab_take_down
}

lab_up() {
	settings_read "$@"
	need_root
	[[ ! -e $LAB_STATE ]] || die "a lab is up already: configs/lab/lab down takes it down"
	programs_need
	mkdir -p "$LAB_STATE"/{pids,lines,log,config,run,state}
	LAB_UP_FAILS=yes
	backlog_dropped >"$LAB_STATE/backlog"
	network_up
	if [[ -n $LAB_BARE ]]; then
		settings_write
		[[ $LAB_WAN != emulator ]] || wans_start
	else
		services_up
	fi
	touch "$LAB_STATE/up"
	LAB_UP_FAILS=
	say "lab: up: mode $LAB_PORT, LAN MTU $LAB_LAN_MTU, WAN MTU $LAB_WAN_MTU"
}

# Safe at any time and after any failure.
lab_take_down() {
	local file

	[[ -d $LAB_STATE ]] || return 0
	for file in gw-a gw-b gw-c control wan wan-ac wan-bc; do
		process_stop "$file"
	done
	if [[ -d $LAB_STATE/pids ]]; then
		for file in "$LAB_STATE"/pids/*; do
			[[ ! -e $file ]] || process_stop "${file##*/}"
		done
	fi
	namespaces_remove
	pages_restore
	bpffs_unmount
	rm -rf "$LAB_STATE"
}

lab_down() {
	(($# == 0)) || usage_error "down takes no arguments"
	need_root
	lab_take_down
	say "lab: down"
}

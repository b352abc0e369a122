# Paths and commands at a place. Sourced by configs/lab/lab.

lab_path() {
	local name='' rate=100M all='' class=lossless when_down=block

	while (($#)); do
		case $1 in
		--rate | --class | --when-down)
			(($# > 1)) || usage_error "$1 needs a value"
			case $1 in
			--rate) rate=$2 ;;
			--class) class=$2 ;;
			*) when_down=$2 ;;
			esac
			shift
			;;
		--all-ports) all=yes ;;
		-*) usage_error "unknown option $1" ;;
		*)
			[[ -z $name ]] || usage_error "path takes one name"
			name=$1
			;;
		esac
		shift
	done
	[[ $name =~ ^[a-z0-9][a-z0-9-]{0,62}$ ]] || usage_error "path needs a name of a-z, 0-9 and -"
	need_up
	path_create "$name" "$rate" "$all" "$class" "$when_down"
	say "lab: path $name is active"
}

# path_create NAME RATE ALL-PORTS CLASS [WHEN-DOWN]: the request that a scheduler would send; it waits until both
# ends have proved the path.
path_create() {
	local answer state match=(--match tcp:5000-5999 --match udp:5000-5999 --match rocev2 --match icmp-echo)

	[[ -z $3 ]] || match=()
	answer=$(ctl -o json --timeout 20s path create "$1" --from a --to b --rate "$2" --class "$4" \
		--when-down "${5:-block}" "${match[@]}" --wait 2>>"$LAB_STATE/log/path") || {
		die "control did not give path $1: $(jq -r '.detail // .error.detail // .' <<<"$answer" 2>/dev/null)"
	}
	state=$(jq -r .status.state <<<"$answer")
	[[ $state == active ]] || die "path $1 is $state: $(jq -r .status.reason <<<"$answer")"
}

lab_unpath() {
	(($# == 1)) || usage_error "unpath takes one name"
	need_up
	ctl path rm "$1" --wait >/dev/null || die "path $1 was not released"
	say "lab: path $1 is gone"
}

lab_exec() {
	local place=${1:-}

	[[ $# -ge 3 && $2 == -- ]] || usage_error "exec PLACE -- COMMAND..."
	[[ $place == cw-* ]] || place=cw-$place
	need_root
	need_up
	is_among "$place" $(namespaces) || usage_error "no place $1: $(namespaces | sed 's/^cw-//' | tr '\n' ' ')"
	shift 2
	exec nsenter --net="/run/netns/$place" -- "$@"
}

#!/usr/bin/env bash
# The gateway on a machine or configuration that is not as it must be: one clear line, exit 2, nothing left.
# usage: test_refuses.sh causeway-gateway
set -euo pipefail

GATEWAY=$(realpath "$1")
NS=cwt-refuse-$$
WORK=$(mktemp -d)
FAILED=0

[[ $(id -u) == 0 ]] || {
	echo "SKIP: needs root for network namespaces"
	exit 77
}

cleanup() {
	[[ -z ${RUNNING:-} ]] || kill "$RUNNING" 2>/dev/null || true
	wait
	ip netns del "$NS" 2>/dev/null || true
	rm -rf "$WORK"
}
trap cleanup EXIT

ip netns add "$NS"
ip -n "$NS" link add lan0 type veth peer name lan1
ip -n "$NS" link add wan0 type veth peer name wan1
for i in lan0 lan1 wan0 wan1; do ip -n "$NS" link set "$i" up; done

inside() {
	nsenter --net="/run/netns/$NS" "$@"
}

# config NAME [SED-EXPRESSION...]: the good configuration, changed.
config() {
	local name=$1

	shift
	cat >"$WORK/$name.yaml" <<END
name: $name
run_dir: $WORK/run
state_dir: $WORK/state
memory:
  size: 128MiB
  huge_pages: none
ports:
  - name: lan0
    role: lan
    mode: xdp
    interface: lan0
  - name: wan0
    role: wan
    mode: xdp
    interface: wan0
END
	(($# == 0)) || sed -i "$@" "$WORK/$name.yaml"
}

# refuses WHAT NAME PATTERN [COMMAND...]: exit 2, one line on stderr that matches.
refuses() {
	local what=$1 name=$2 pattern=$3 rc=0

	shift 3
	inside "$@" "$GATEWAY" --config "$WORK/$name.yaml" >"$WORK/out" 2>"$WORK/err" || rc=$?
	if ((rc != 2)) || [[ $(wc -l <"$WORK/err") != 1 ]] || ! grep -qE "$pattern" "$WORK/err"; then
		printf 'FAIL: %s: exit %s, wanted 2 and a line like "%s":\n' "$what" "$rc" "$pattern"
		cat "$WORK/err"
		FAILED=1
		return
	fi
	printf 'ok: %s: %s\n' "$what" "$(cat "$WORK/err")"
}

# nsenter becomes the gateway, so that RUNNING is its own process.
start_first() {
	: >"$WORK/first.log" # or the life before is taken for this one
	nsenter --net="/run/netns/$NS" "$GATEWAY" --config "$WORK/first.yaml" 2>"$WORK/first.log" &
	RUNNING=$!
	for _ in $(seq 200); do
		grep -q 'is up' "$WORK/first.log" && break
		sleep 0.05
	done
}

config absent -e 's/interface: lan0/interface: nolan/'
refuses "missing interface" absent 'nolan does not exist'

ip -n "$NS" link set lan0 mtu 4000
config jumbo
refuses "MTU above an AF_XDP frame" jumbo 'MTU 4000.*at most 3498'
ip -n "$NS" link set lan0 mtu 1500

ip -n "$NS" link set lan0 mtu 65535
config huge -e '/name: lan0/,/interface/s/mode: xdp/mode: packet/' -e 's/128MiB/512MiB/'
refuses "MTU above a packet buffer" huge 'MTU 65535.*at most'
ip -n "$NS" link set lan0 mtu 1500

ip -n "$NS" link set wan0 mtu 500
config narrow
refuses "WAN MTU too small" narrow 'MTU 500 is below'
ip -n "$NS" link set wan0 mtu 1500

config small -e 's/128MiB/32MiB/'
refuses "too little memory" small 'memory.size is too small'

config pages -e 's/huge_pages: none/huge_pages: require/' -e 's/128MiB/900GiB/'
refuses "no huge pages" pages 'huge pages are free.*vm.nr_hugepages'

config many -e '1a workers: 2'
refuses "another number of queues than workers" many '1 receive queues and there are 2 workers'

config plain
refuses "no privileges" plain 'NET_ADMIN and NET_RAW' setpriv --bounding-set -net_admin,-net_raw --inh-caps -net_admin,-net_raw

config device -e '/name: lan0/,/interface/{s/mode: xdp/mode: ethdev/;s/interface: lan0/device: "net_nonsense0"/}'
refuses "no such device" device "net_nonsense0"

config unknown -e '1a colour: red'
refuses "unknown key" unknown 'unknown.yaml:2: .*colour'

config twice -e '1a name: again'
refuses "duplicate key" twice 'twice.yaml:2: .*name'

config units -e 's/128MiB/128 bananas/'
refuses "wrong unit" units 'units.yaml:5: .*bananas'

# A program of somebody else on the interface stays where it is.
if command -v clang >/dev/null; then
	cat >"$WORK/foreign.c" <<'END'
__attribute__((section("xdp"), used)) int stranger(void *ctx)
{
	(void)ctx;
	return 2;
}
END
	clang -target bpf -O2 -c "$WORK/foreign.c" -o "$WORK/foreign.o"
	inside ip link set dev lan0 xdp obj "$WORK/foreign.o" sec xdp
	refuses "another's XDP program" plain "XDP program 'stranger'.*of somebody else"
	inside ip -d link show lan0 | grep -q 'prog/xdp' || {
		echo "FAIL: the other program was taken off"
		FAILED=1
	}
	inside ip link set dev lan0 xdp off
fi

# A running gateway: the same name, then another name on the same interface. Then it ends as it should.
config first
start_first
refuses "the same name twice" first 'named first runs already'
config second
refuses "an interface twice" second 'lan0 is in use by another gateway'
inside ip -d link show lan0 | grep -q 'prog/xdp' || {
	echo "FAIL: the second gateway harmed the first"
	FAILED=1
}
kill -TERM "$RUNNING"
rc=0
wait "$RUNNING" || rc=$?
RUNNING=
((rc == 0)) || {
	printf 'FAIL: exit %s after SIGTERM\n' "$rc"
	cat "$WORK/first.log"
	FAILED=1
}
if inside ip -d link show | grep -q 'prog/xdp'; then
	echo "FAIL: a program is still attached after a clean exit"
	FAILED=1
fi
[[ ! -e $WORK/run/first/counters ]] || {
	echo "FAIL: the counter pages were left behind"
	FAILED=1
}

# After kill -9 the program stays; the next start takes it off and goes on.
start_first
kill -KILL "$RUNNING"
wait "$RUNNING" 2>/dev/null || true
start_first
grep -q 'is up' "$WORK/first.log" || {
	echo "FAIL: no start after kill -9"
	cat "$WORK/first.log"
	FAILED=1
}
kill -TERM "$RUNNING"
wait "$RUNNING" || true

# Buffers that do not fill a page must still fit without huge pages, where none straddles two.
config first -e 's/mode: xdp/mode: packet/'
start_first
grep -q 'is up' "$WORK/first.log" || {
	echo "FAIL: no start in mode packet without huge pages"
	cat "$WORK/first.log"
	FAILED=1
}
exit "$FAILED"

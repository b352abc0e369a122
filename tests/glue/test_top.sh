#!/bin/bash
# causeway-perf top against counter files of a test program: plain table, JSON, errors, live screen.
# usage: test_top.sh CAUSEWAY_PERF MAKE_COUNTERS
set -u

perf=$1
make_counters=$2
for tool in jq tmux; do
	if ! command -v "$tool" >/dev/null; then
		echo "SKIPPED test_top: needs $tool" >&2
		exit 77
	fi
done

dir=$(mktemp -d)
session=causeway-test-top-$$
pids=()
passed=0
failed=0

cleanup() {
	tmux -L "$session" kill-server 2>/dev/null
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$dir"
}
trap cleanup EXIT

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED $name: $*" >&2
		cat "$dir/out" "$dir/err" >&2
	fi
}

# run CODE ARGUMENTS...: the tool must exit with CODE; its output is in out and err.
run() {
	local wanted=$1 code
	shift
	"$perf" "$@" >"$dir/out" 2>"$dir/err"
	code=$?
	check "exit code of '$*' is $code" test "$code" -eq "$wanted"
}

# gateway RUN_DIR NAME MODE: starts one and waits until its file is there.
gateway() {
	local line
	exec 3< <(exec "$make_counters" "$@")
	pids+=($!)
	read -r line <&3
	check "gateway $2 starts" test "$line" = ready
}

stop_gateway() {
	kill "${pids[-1]}"
	wait "${pids[-1]}" 2>/dev/null
	unset 'pids[-1]'
}

json() {
	jq -e "$1" "$dir/out" >/dev/null
}

has() {
	grep -qE -- "$1" "$dir/$2"
}

# Columns of the page above its list of drops, whose last column may be cut.
width() {
	awk '/^DROPPED AT/ { exit } { if (length($0) > max) max = length($0) } END { print max }' "$dir/out"
}

one_object() {
	test "$(jq -s 'length' "$dir/out" 2>/dev/null)" = 1
}

# --- no gateway
run 3 top --once --run-dir "$dir/none"
check none has 'no gateway runs here: nothing under' err
run 3 top --once --json --run-dir "$dir/none"
check none-json one_object
check none-json json '.error.code == "no-gateway"'

# --- one gateway, nothing moves
gateway "$dir/run" gw-a steady
run 0 top --once --interval 100ms --run-dir "$dir/run"
check table has '^gateway gw-a  version 0.1.0  boot 3' out
check table has '^lan0 +lan +xdp +up +0 b/s' out
check table has '^LINK +STATE +CAPACITY +RATE NOW' out
check table has '^23 +ok +1 Gb/s +1 Gb/s +0 b/s +0% +0 b/s +10.3 ms +10 ms +300 us' out
check table has '^PATH +PHASE +GUARANTEE +OUT +IN +RTT +LOSS +RESENT/S +RETAIN +DROP/S +LIMIT' out
check table has '^job1 +claim +1 Gb/s +0 b/s +0 b/s +10.3 ms +- +0 +3.91% +0 +-$' out
check table has 'job1 out +queue_full +24 +0  path queue full' out
check table has 'wan0 +no_path +4 ' out
check table has 'lan0 +no_rule +17 ' out
check quiet test ! -s "$dir/err"

run 0 top --once --json --interval 100ms --run-dir "$dir/run"
check json one_object
check json json '.gateway == "gw-a" and .version == "0.1.0" and .boot == 3 and .uptime_s >= 0'
check json json '.alive and .balance == {"out": 0, "in": 0}'
check json json '.ports | map(.name) == ["lan0", "wan0"]'
check json json '.ports[1].drops == {"no_path": 4} and .ports[0].kernel == {"no_rule": 17}'
check json json '.paths[0] | .name == "job1" and .out.rx_packets == 2000 and
	.out.tx_packets == 1960 and .out.held_packets == 16 and .out.drops.queue_full == 24 and
	.in.rx_packets == 1000 and .in.drops == {} and .balance == {"out": 0, "in": 0}'
check json json '.workers | length == 2'
check json json '.workers[0].idle_share == null'

check json json '.links | length == 1 and .[0].link == 23 and .[0].nominal_bps == 1000000000 and
	.[0].rate_bps == 1000000000 and .[0].lowered == 0 and .[0].tx_packets == 2000 and
	.[0].rates.tx_bps == 0'
check json json '.paths[0] | .link == 23 and .max_bps == 2000000000 and
	.retain_buffers == {"granted": 1024, "wanted": 1024} and
	.hold_buffers == {"granted": 512, "wanted": 2048} and .limit == {"out": null, "in": null}'
check json json '.paths[0].transport | .sequenced == 2000 and .lost == 20 and .resent == 24 and
	.spurious == 4 and .rtt_ns == 10300000 and .rtt_min_ns == 10000000 and
	.retained_packets == 40 and .retain_packets_max == 1024 and .reorder_depth_max == 77 and
	.keys_installed == 4 and .rates.loss_share == null and .rates.stall_share.credit == 0'

run 0 top --once --interval 100ms --run-dir "$dir/run" --path job1
check path has '^path job1  gateway gw-a to gw-b  claim$' out
check path has 'limited by nothing: all that is offered goes' out
check path has '^out +rx 2000 = tx 1960 \+ held 16 \+ drops 24$' out
check path has '^in +rx 1000 = tx 1000 \+ held 0 \+ drops 0$' out
check path has '^round trip +10.3 ms now, 10 ms least, 10.1 ms by the last probe; 300 us' out
check path has '^sent again +0/s, .*ever 24 and 4$' out
check path has '^unacked out +40 of 1.02 k packets \(3.91%\)' out
check path has '^waiting in +20 of 512 packets .*SHORT: 2.05 k wanted' out
check path has '^keys +phase 1; 4 installed' out
check path has '^job1 out +queue_full +24' out
check path-fits test "$(width)" -le 100
run 0 top --once --interval 100ms --run-dir "$dir/run" --path job2
check no-path has 'no path job2 at gateway gw-a now' out

run 0 top --once --json --interval 100ms --counters "$dir/run/gw-a/counters"
check by-file json '.gateway == "gw-a"'

# --- several
gateway "$dir/run" gw-b moving
run 2 top --once --run-dir "$dir/run"
check several has 'choose one with --gateway: gw-a, gw-b' err
run 2 top --once --json --run-dir "$dir/run"
check several-json one_object
check several-json json '.error.code == "several-gateways"'

# --- rates: 1,000 packets of 1,000 bytes each 20 ms or somewhat more
run 0 top --once --json --interval 500ms --run-dir "$dir/run" --gateway gw-b
check rates json '.paths[0].out.rates | .rx_pps > 1000 and .rx_bps / 8000 - .rx_pps < 1.01 and
	(.rx_bps - .tx_bps | fabs) <= 16000000'
check rates json '.ports[0].rates.rx_pps > 1000 and .ports[1].rates.rx_pps == 0'
check rates json '.workers[0].idle_share == 0.75'
check rates json '.paths[0].transport.rates | .sequenced_ps > 1000 and .loss_share == 0.01 and
	.lost_ps > 10 and .resent_ps > .lost_ps and .stall_share.pace > 0.01 and .stall_share.pace < 0.06'
check rates json '.links[0].rates | .tx_bps > 8000000 and .tx_share > 0.001 and .rx_bps == 0'
# A look may fall into the middle of one tick's writes, not more.
check rates json '.paths[0].balance | (.out | fabs) <= 1000 and .in == 0'

# --- a gateway that has died without a word
stop_gateway
gateway "$dir/run" gw-b dead
run 0 top --once --interval 100ms --run-dir "$dir/run" --gateway gw-b
check dead has 'No heartbeat for' out
run 0 top --once --json --interval 100ms --run-dir "$dir/run" --gateway gw-b
check dead json '.alive == false'
stop_gateway
run 3 top --once --run-dir "$dir/run" --gateway gw-b
check gone has 'is the gateway running' err

# --- what limits
gateway "$dir/run-limits" gw-a limits
run 0 top --once --interval 500ms --run-dir "$dir/run-limits"
for name in credit key pause window; do
	check "limit $name" has "^$name +claim .* $name [34][0-9]%\$" out
done
for name in burst lowered rate; do
	check "limit $name" has "^$name +claim .* $name\$" out
done
check limit has '^silent +claim .* unproved$' out
check limit has '^  limited by unproved: gw-b answers no probe' out
check limit has '^keyless +recv .* key$' out
check limit has '^42 +lowered +1 Gb/s +700 Mb/s' out
check limit has '^  limited by link 42 lowered to 700 Mb/s of 1 Gb/s' out
check limit has '^  limited by window .*1024 of 4096 buffers wanted: raise memory.size' out
check limit has '^  inbound limited by pause' out
check limit-fits test "$(width)" -le 100
run 0 top --once --json --interval 500ms --run-dir "$dir/run-limits"
check limit-json json '[.paths[] | select(.limit.out) | .limit.out.cause] ==
	["burst", "credit", "key", "key", "lowered", "rate", "unproved", "window"]'
check limit-json json '.paths | map(select(.name == "pause"))[0].limit.in | .cause == "pause" and
	.share > 0.2 and (.text | startswith("pause"))'
stop_gateway

# --- files that are none
mkdir -p "$dir/bad/x"
head -c 4096 /dev/zero >"$dir/bad/x/counters"
run 3 top --once --run-dir "$dir/bad"
check bad has 'not a counter file' err
run 3 top --once --json --run-dir "$dir/bad"
check bad-json json '.error.code == "bad-counters"'
cp "$dir/run/gw-a/counters" "$dir/bad/x/counters"
printf '\377' | dd of="$dir/bad/x/counters" bs=1 seek=8 conv=notrunc 2>/dev/null
run 3 top --once --run-dir "$dir/bad"
check version has 'counter ABI 255 .*use the causeway-perf that came with the gateway' err

# --- usage
run 0 --help
run 0 --version
run 0 top --help
run 2
run 2 bottom
run 2 top --nonsense
check usage has "unknown option '--nonsense'" err
run 2 top --interval
check usage has 'needs a value' err
run 2 top --once --interval 5
run 2 top --once --interval 1ms
run 2 top --json
check usage-json one_object
run 2 top --once --json --path job1
run 2 top --path
run 2 top --once extra
run 2 top --once --gateway a/b
run 2 top --counters x --gateway y
run 2 top --run-dir "$dir/run" </dev/null
check no-terminal has 'needs a terminal: use --once' err

# --- live screen
screen() {
	tmux -L "$session" capture-pane -p -t top >"$dir/out" 2>"$dir/err"
}

# seen PATTERN: the screen shows it within 5 s.
seen() {
	local i
	for ((i = 0; i < 50; i++)); do
		screen
		grep -qE -- "$1" "$dir/out" && return 0
		sleep 0.1
	done
	return 1
}

key() {
	tmux -L "$session" send-keys -t top "$1"
}

start_screen() {
	tmux -L "$session" -f /dev/null new-session -d -s top -x 80 -y 24 \
		"'$perf' top --interval 200ms --run-dir '$dir/run'; echo \"code=\$? \$(stty -a | grep -o -- '-\\?\\becho\\b')\"; sleep 30"
}

fits() {
	test "$(awk '{ if (length($0) > max) max = length($0) } END { print max }' "$dir/out")" -le 80
}

start_screen
check draws seen '^gateway gw-a'
check draws seen '^PORT +ROLE +MODE +LINK'
check draws seen '^job1 +claim'
check draws seen 'q quit  p pause  s sort: name'
check draws fits
key s
check sorts seen 's sort: rate'
key p
check pauses seen 'p go on \(paused\)'
key p
key h
check helps seen 'pause and go on'
key x
check helps seen '^PORT +ROLE'
key Enter
check opens seen '^path job1  gateway gw-a to gw-b'
check opens seen 'Esc back'
key Escape
check closes seen '^PORT +ROLE'
tmux -L "$session" resize-window -t top -x 70 -y 8
check resizes seen 'PgDn more'
key Home
check scrolls seen 'heartbeat'
key NPage
check scrolls seen '^PATH +PHASE'
key Home
check scrolls seen 'heartbeat'
key Down
check selects seen '^job1 +claim'
key q
check quits seen 'code=0 echo'
tmux -L "$session" kill-server
session+=-again # the old server may still be on its way out

start_screen
check draws-again seen '^PORT +ROLE'
stop_gateway
check gateway-stops seen 'No heartbeat for'
gateway "$dir/run" gw-a moving
check gateway-returns seen 'heartbeat [0-9.]+ .?s ago'
pid=$(pgrep -f "^$perf top --interval 200ms --run-dir $dir/run\$")
check one-process test -n "$pid"
kill -TERM "$pid"
check sigterm seen 'code=0 echo'

echo "$passed passed, $failed failed"
test "$failed" -eq 0

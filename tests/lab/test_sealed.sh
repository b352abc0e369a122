#!/usr/bin/env bash
# What somebody sees, and can do, who sits on the WAN: nothing of any inner packet, also while gateways die
# and come back without control; and what he sends again, or makes up, is counted and changes nothing.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lib.sh
source "$HERE/lib.sh"
# shellcheck source=tests/lab/books.sh
source "$HERE/books.sh"

readonly MARKER="causeway test stream in clear; " # of stream.py
readonly TUNNEL='udp dst portrange 47700-47715'
readonly COPIES=40

# ---- an eavesdropper at both ends of the line ----

listen() {
	local end

	LISTENERS=()
	for end in a b; do
		rm -f "$WORK/heard-$end" "$WORK/listener-$end"
		spawn wan tcpdump -i "wan-$end" -n --immediate-mode -U -w "$WORK/heard-$end" 2>"$WORK/listener-$end"
		LISTENERS+=($!)
		eventually 5 grep -q listening "$WORK/listener-$end" || return 1
	done
}

listen_no_more() {
	kill "${LISTENERS[@]}"
	wait "${LISTENERS[@]}" 2>/dev/null || true
}

# Frames with inner text or addresses in clear, wherever in the frame. The addresses of both hosts stand side
# by side in an IP header, also in one that is carried inside of something else.
heard_in_clear() {
	python3 - "$WORK/heard-a" "$WORK/heard-b" "$MARKER" <<-'END'
		import sys
		*files, marker = sys.argv[1:]
		v4 = [bytes([10, n, 0, 10]) for n in (101, 102)]
		v6 = [bytes([0xfd, n] + [0] * 13 + [0x10]) for n in (1, 2)]
		signs = [marker.encode()]
		for x, y in (v4, v6):
		    signs += [x + y, y + x]
		heard = [open(name, "rb").read() for name in files]
		print(sum(data.count(sign) for data in heard for sign in signs))
	END
}

heard_nothing() {
	local count tunnel

	count=$(heard_in_clear)
	tunnel=$(tcpdump -n -r "$WORK/heard-b" "$TUNNEL" 2>/dev/null | wc -l)
	printf '    %s tunnel packets seen; in clear: %s\n' "$tunnel" "$count"
	((count == 0)) || tcpdump -n -q -r "$WORK/heard-a" "not ($TUNNEL) and (net 10.101.0.0/16 or net fd01::/64)" 2>/dev/null | head -n 5
	((count == 0 && tunnel >= 500))
}

# ---- traffic both ways that says who it is ----

talk() { # FROM TO ADDRESS PORT SECONDS
	spawn "host-$2" python3 "$TESTS/stream.py" receive "$3" "$4" 100 >"$WORK/arrived-$4" 2>/dev/null
	TALKERS+=($!)
	spawn "host-$1" python3 "$TESTS/stream.py" send "$3" "$4" "$5" 500 400 >/dev/null 2>&1
	TALKERS+=($!)
}

talk_start() { # SECONDS
	TALKERS=()
	talk a b "$HOST_B" 5301 "$1"
	talk b a 10.101.0.10 5302 "$1"
	talk a b "$HOST_B6" 5303 "$1"
}

talk_stop() {
	kill "${TALKERS[@]}" 2>/dev/null || true
	wait "${TALKERS[@]}" 2>/dev/null || true
}

arrives() { # AT PORT
	at "host-$1" timeout 2 tcpdump -i eth0 -n --immediate-mode -c 20 "udp dst port $2" >/dev/null 2>&1
}

arrives_everywhere() {
	arrives b 5301 && arrives a 5302 && arrives b 5303
}

# Both are listened for at the same time.
arrives_nowhere() {
	local heard=0 at_a at_b

	arrives b 5301 &
	at_b=$!
	arrives a 5302 &
	at_a=$!
	! wait "$at_b" || heard=1
	! wait "$at_a" || heard=1
	((!heard))
}

# ---- scenes ----

scene_eavesdropper_hears() {
	step "without a path: the test can hear"
	must "listening" listen
	talk_start 100
	must "it arrives" eventually 5 arrives_everywhere
	talk_stop
	listen_no_more
	must "text and addresses are heard" test "$(heard_in_clear)" -ge 100
}

scene_restarts() {
	step "a path; gateways die under traffic and come back"
	# Of all protocols: an ICMP error quotes the packet that it is about, and no match by ports takes it.
	lab path job1 --rate 200M --when-down block --all-ports || exit 1
	must "listening" listen
	talk_start 100
	must "it arrives" eventually 5 arrives_everywhere
	lab stop control --kill
	lab stop gw-a --kill
	check "gw-a is dead: nothing arrives" arrives_nowhere
	# What it needs for new keys it has on its disk, and from its peer.
	lab start gw-a
	check "gw-a is back, control is not: it arrives again" eventually 10 arrives_everywhere
	lab start control
	lab stop gw-b --kill
	check "gw-b is dead: nothing arrives" arrives_nowhere
	lab start gw-b
	check "gw-b is back: it arrives again" eventually 10 arrives_everywhere
	check "the path is active" eventually 10 path_is active
	cp "$WORK/heard-b" "$WORK/old-lives"
	talk_stop
	listen_no_more
	check "nothing was heard in all that time" heard_nothing
}

# gw-b's counters, all of them, but for what time and probes move, and the frames themselves.
gateway_b_changes() { # BEFORE AFTER
	jq -c -n --argjson x "$1" --argjson y "$2" '
		def flat: . as $d | [paths(type == "number") | {(map(tostring) | join(".")): ($d | getpath(. as $p | $p))}] | add;
		def numbers_of($page): $page["gw-b"] | {ports: [.ports[] | {drops, missed, rx_errors, tx_errors, kernel_dropped, kernel_blocked, claimed}],
			paths: [.paths[] | {id, generation, out: (.out | del(.outer_packets, .outer_bytes, .rates)), in: (.in | del(.outer_packets, .outer_bytes, .rates)),
				transport: (.transport | del(.rates, .rtt_ns, .rtt_min_ns, .queue_us))}]};
		([numbers_of($x) | paths(numbers)] + [numbers_of($y) | paths(numbers)] | unique) as $all |
		[$all[] as $p | {key: ($p | map(tostring) | join(".")),
			value: ((numbers_of($y) | getpath($p) // 0) - (numbers_of($x) | getpath($p) // 0))} | select(.value != 0)] | from_entries'
}

# changes_are REASONS-REGEX COUNT: at the WAN port COUNT drops of such reasons, and nothing else but the lane own count of copies.
changes_are() { # CHANGES REASONS-REGEX COUNT
	printf '    %s\n' "$1"
	jq -e -n --argjson c "$1" --arg reasons "^ports[.]1[.]drops[.]($2)$" --argjson count "$3" '
		[$c | to_entries[] | select(.key | test($reasons)) | .value] as $drops |
		($drops | add) == $count and
		([$c | to_entries[] | select(.key | test($reasons) or . == "paths.0.transport.replayed" | not)] == [])' >/dev/null
}

# again WHAT REASONS-REGEX CAPTURE [AHEAD]
again() {
	local before after sent

	before=$(books)
	sent=$(at wan python3 "$TESTS/resend.py" wan-b "$3" "$COPIES" "${4:-0}")
	sleep 0.3
	after=$(books)
	must "$COPIES frames were sent" test "$sent" = "$COPIES"
	check "$1" changes_are "$(gateway_b_changes "$before" "$after")" "$2" "$COPIES"
}

scene_sent_again() {
	step "packets are sent again, and made up"
	spawn wan tcpdump -i wan-b -n --immediate-mode -U -w "$WORK/again" "$TUNNEL and dst host 10.200.0.2 and udp[4:2] > 300" 2>"$WORK/tcpdump"
	WATCH=$!
	eventually 5 grep -q listening "$WORK/tcpdump"
	must "a stream" at host-a python3 "$TESTS/stream.py" send "$HOST_B" 5304 0.5 500 400
	check "nothing is left under way" books_settle
	sleep 0.5 # until tcpdump has written it
	kill "$WATCH"
	wait "$WATCH" || true
	tcpdump -n -r "$WORK/old-lives" -w "$WORK/old" "$TUNNEL and dst host 10.200.0.2 and udp[4:2] > 300" 2>/dev/null
	again "sent again: counted as replay, nothing else" replay "$WORK/again"
	again "with another packet number: counted as auth, nothing else" auth "$WORK/again" 100000
	again "of former lives: counted, nothing else" 'replay|auth|no_key' "$WORK/old"
	check "honest traffic goes on" pings "$HOST_B" 20
}

for mode in xdp packet; do
	must "lab up" lab up --port "$mode" --delay 2
	scene_eavesdropper_hears
	scene_restarts
	scene_sent_again
	lab down
done

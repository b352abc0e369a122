# shellcheck shell=bash
# The books of both gateways and of the line: read at once, compared over a stretch of traffic. Sourced
# behind lib.sh; a lab is up. Nothing here is a test.
#
#   before=$(books); ...traffic...; books_settle; after=$(books)
#   books_balance "$after" && books_carried_all "$before" "$after"

# Drops that tell of damage, copies and strays on the WAN; all at the port, before anything changed.
readonly WAN_REASONS='["outer_malformed","version","no_path","bad_peer","bad_lane","auth","replay","no_key"]'

# {"line": .., "lab_lost": N, "gw-a": .., "gw-b": ..}. What a gateway was too slow for, or had no buffer for, on
# this machine is the lab's loss, too.
books() {
	jq -c -n --argjson a "$(gateway_page gw-a)" --argjson b "$(gateway_page gw-b)" \
		--argjson line "$(lab line stats)" --argjson lost "$(lab_lost)" \
		'{"gw-a": $a, "gw-b": $b, line: $line,
		lab_lost: ($lost + ([$a, $b | .ports[] | .missed + .rx_errors + .tx_errors] | add))}'
}

books_lab_lost() { # BEFORE AFTER
	jq -n --argjson x "$1" --argjson y "$2" '$y.lab_lost - $x.lab_lost'
}

books_are_settled() {
	local name

	for name in gw-a gw-b; do
		gateway_page "$name" | jq -e '.paths | all(.out.held_packets == 0 and .in.held_packets == 0)' \
			>/dev/null || return 1
	done
}

# Until nothing is held at either end: what was sent has been acknowledged.
books_settle() {
	eventually 5 books_are_settled
}

# books_hold BOOKS-BEFORE BOOKS-AFTER JQ: JQ yields what is wrong, as text, with $x and $y and:
#   ends           each direction: from, to, and what was counted there since, as .from and .to
books_hold() {
	local wrong

	wrong=$(jq -r -n --argjson x "$1" --argjson y "$2" --argjson wan_reasons "$WAN_REASONS" '
		def less($a; $b): reduce ($b | paths(numbers)) as $p (null; setpath($p; ($b | getpath($p)) - ($a | getpath($p) // 0)));
		def side($g): ($x[$g].paths[0]) as $p | ($y[$g].paths[0]) as $q |
			{name: $g, out: less($p.out; $q.out), in: less($p.in; $q.in), lane: less($p.transport; $q.transport),
			now: $q, port: less([$x[$g].ports[].drops]; [$y[$g].ports[].drops])};
		def line($d): less($x.line[$d]; $y.line[$d]);
		[{from: side("gw-a"), to: side("gw-b"), line: line("a_to_b")},
		 {from: side("gw-b"), to: side("gw-a"), line: line("b_to_a")}] as $ends |
		($y.lab_lost - $x.lab_lost) as $lab_lost |
		'"$3") || return 1
	[[ -z $wrong ]] || {
		printf '    %s\n' "$wrong"
		return 1
	}
}

# rx = tx + held + drops, and nothing was dropped that had a sequence; of what had none, only REASONS (a JSON list).
books_balance() { # BEFORE AFTER REASONS
	# shellcheck disable=SC2016
	books_hold "$1" "$2" '
		$ends[].from | .name as $name |
		(.now.balance | to_entries[] | select(.value != 0) | "\($name) \(.key): \(.value) unaccounted"),
		(.in.drops // {} | to_entries[] | select(.value > 0) | "\($name): \(.value) dropped on their way in: \(.key)"),
		(.out.drops // {} | to_entries[] | select(.value > 0 and ([.key] | inside('"$3"') | not)) |
			"\($name): \(.value) dropped on their way out: \(.key)"),
		(.port // [] | .[] // {} | to_entries[] | select(.value > 0 and ([.key] | inside($wan_reasons) | not)) |
			"\($name): \(.value) dropped at a port: \(.key)")'
}

# Each end delivered what the other had numbered, once, and knows it; all that entered left at the far end.
books_carried_all() { # BEFORE AFTER
	# shellcheck disable=SC2016
	books_hold "$1" "$2" '
		$ends[] | "\(.from.name) to \(.to.name)" as $way | .from as $f | .to as $t |
		(select($f.lane.sequenced != $t.lane.delivered) | "\($way): \($f.lane.sequenced) numbered, \($t.lane.delivered) delivered"),
		(select($f.lane.sequenced != $f.lane.acked) | "\($way): \($f.lane.sequenced) numbered, \($f.lane.acked) acknowledged"),
		(select($f.lane.sequenced <= 0) | "\($way): nothing was carried"),
		(select($f.out.tx_packets != $t.in.rx_packets) | "\($way): \($f.out.tx_packets) packets left, \($t.in.rx_packets) arrived"),
		($f.now.transport | select(.retained_packets != 0 or .waiting_packets != 0) |
			"\($f.name): \(.retained_packets) still retained, \(.waiting_packets) still waiting"),
		(select($f.lane.acks_invalid + $f.lane.pings_invalid + $f.lane.refused > 0) |
			"\($f.name): \($f.lane.acks_invalid) ACKs, \($f.lane.pings_invalid) PINGs, \($f.lane.refused) frames made no sense")'
}

# Sent again because the line lost or damaged it, and hardly for another reason. What the lab lost by itself is the line, too.
books_repaired_what_was_lost() { # BEFORE AFTER
	# shellcheck disable=SC2016
	books_hold "$1" "$2" '
		$ends[0] | (([.line.dropped[]] | add) + .line.corrupted) as $gone | .from.lane as $lane |
		("the line lost or damaged \($gone), doubled \(.line.duplicated), overtook \(.line.reordered) of \(.line.rx_frames); " +
			"sent again: \($lane.resent)" | debug | empty),
		(select($gone == 0) | "the line lost nothing"),
		(select($lane.resent <= 0) | "nothing was sent again"),
		(select($lane.resent > 1.5 * ($gone + $lab_lost) + 200) | "\($lane.resent) sent again for \($gone) lost")'
}

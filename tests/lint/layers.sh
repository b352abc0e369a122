#!/usr/bin/env bash
# Holds the layers apart: layers.sh SOURCE_ROOT ARCHIVE...
#
# 1. A core archive uses nothing from outside but the pure mem* and str*, and what compilers and
#    sanitizers insert.
# 2. Only the DPDK glue, main and tests include DPDK headers.
# 3. A core includes no header of a layer above it.
set -euo pipefail

(($# >= 2)) || {
	echo "usage: $0 SOURCE_ROOT ARCHIVE..." >&2
	exit 2
}
root=$1
shift
failed=0

# By name: strdup allocates, strerror has a static buffer, strtol reads the locale.
# bcmp is what clang makes of memcmp(...) == 0.
allowed='^bcmp$|^(__)?(mem(chr|rchr|cmp|cpy|move|set|pcpy)|str(len|nlen|chr|rchr|cmp|ncmp|cpy|ncpy|str|spn|cspn))(_chk)?$'
# Compiler run time: wide arithmetic and bit counts, stack protector; then the sanitizers.
allowed+='|^__[a-z]+[sdt]i[234]$|^__stack_chk_fail$|^_GLOBAL_OFFSET_TABLE_$'
allowed+='|^__(asan|ubsan|tsan|sanitizer|sancov|gcov|llvm)_'

symbols() {
	nm -P "$@" | awk 'NF >= 2 { print $1 }' | sort -u
}

complain() {
	echo "$1" >&2
	sed 's/^/    /' >&2
	failed=1
}

for archive; do
	defined=$(symbols --defined-only "$archive")
	if [[ -z $defined ]]; then
		complain "no symbols in" <<<"$archive"
		continue
	fi
	foreign=$(symbols -u "$archive" | grep -Ev "$allowed" | grep -Fxv "$defined" || true)
	[[ -z $foreign ]] || complain "$(basename "$archive") is a core and must not use" <<<"$foreign"
done

cd "$root"
include='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]'
outside=$(grep -rnE "${include}rte_" --include='*.[ch]' dataplane control bpf perf |
	grep -Ev '^dataplane/(dpdk/|main\.c:)' || true)
[[ -z $outside ]] || complain "rte_*.h belongs to dataplane/dpdk and dataplane/main.c" <<<"$outside"

above=$(grep -rnE "${include}(dataplane/(dpdk|agent)|control/(io|ctl)|perf)/" --include='*.[ch]' \
	dataplane/core dataplane/abi control/core || true)
[[ -z $above ]] || complain "a core includes a header of a layer above it" <<<"$above"

exit "$failed"

#!/usr/bin/env bash
# All shell scripts parse, and those that are run can be executed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed=0
while IFS= read -r file; do
	bash -n "$file" || failed=1
	case $file in
	configs/lab/*.sh | tests/lab/lib.sh | tests/lab/scenes.sh) ;;
	*)
		[[ -x $file ]] || {
			echo "$file: not executable"
			failed=1
		}
		;;
	esac
done < <(grep -rlE -m1 '^#!.*\bbash$' .ci configs tests; ls configs/lab/*.sh tests/lab/*.sh)
exit $failed

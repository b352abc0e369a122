#!/usr/bin/env bash
# All C files, tracked or new, are as .clang-format has them.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang-format >/dev/null || {
	echo "skipped: no clang-format"
	exit 77
}
# safe.directory: CI may run as another user than the one who cloned.
mapfile -d '' files < <(git -c safe.directory='*' ls-files -z --cached --others --exclude-standard -- '*.c' '*.h')
((${#files[@]})) || {
	echo "skipped: not a git checkout"
	exit 77
}
existing=()
for file in "${files[@]}"; do
	[[ ! -e $file ]] || existing+=("$file")
done
clang-format --dry-run -Werror "${existing[@]}"
echo "${#existing[@]} files"

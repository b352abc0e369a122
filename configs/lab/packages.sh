# shellcheck shell=bash
# What configs/packages lists, installed where it is missing. Sourced by configs/lab/lab and tests/run.
# PACKAGES_LIST names the file.

packages_missing() {
	local name

	while read -r name; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || printf '%s\n' "$name"
	done < <(grep -v '^#' "$PACKAGES_LIST" | grep .)
}

packages_install() {
	local missing log

	mapfile -t missing < <(packages_missing)
	((${#missing[@]})) || return 0
	[[ $EUID -eq 0 ]] || {
		printf 'these packages are missing, and only root can install them: %s\n' "${missing[*]}" >&2
		exit 2
	}
	printf 'installing Debian packages, once (a minute or two): %s\n' "${missing[*]}" >&2
	log=$(mktemp)
	if ! apt-get -q update >"$log" 2>&1 ||
		! DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
			"${missing[@]}" >>"$log" 2>&1; then
		tail -n 20 "$log" >&2
		printf 'apt-get could not install what %s lists; all it said: %s\n' "$PACKAGES_LIST" "$log" >&2
		exit 1
	fi
	rm -f "$log"
}

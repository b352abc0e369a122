# shellcheck shell=bash
# What configs/packages lists, installed where it is missing. Sourced by configs/lab/lab and tests/run.
# PACKAGES_LIST names the file.

packages_missing() {
	local name program

	while read -r name program; do
		[[ -n $program || $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || printf '%s\n' "$name"
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

# programs_take FOLDER: programs of packages that are not installed, in FOLDER where PATH has none. They
# need nothing but libc6. One that cannot be had is told, and whoever wants it skips.
programs_take() {
	local name program

	while read -r name program; do
		[[ -n $program ]] || continue
		command -v "$program" >/dev/null || [[ -x $1/$program ]] || program_take "$name" "$program" "$1"
	done < <(grep -v '^#' "$PACKAGES_LIST" | grep .)
}

# program_take PACKAGE PROGRAM FOLDER
program_take() {
	local work

	printf 'taking %s out of the Debian package %s\n' "$2" "$1" >&2
	work=$(mktemp -d)
	chown _apt "$work" 2>/dev/null || true # whom apt-get of root downloads as
	if package_download "$1" "$work" && dpkg-deb --fsys-tarfile "$work"/*.deb |
		tar -x -C "$work" "./usr/bin/$2" 2>>"$work/log"; then
		mkdir -p "$3"
		mv "$work/usr/bin/$2" "$3/$2"
	else
		tail -n 5 "$work/log" >&2
		printf '%s could not be had: tests that need it are skipped\n' "$2" >&2
	fi
	rm -rf "$work"
}

# package_download PACKAGE FOLDER: with the lists that there are, or with new ones.
package_download() (
	cd "$2" || exit
	apt-get -q download "$1" >log 2>&1 ||
		{ apt-get -q update && apt-get -q download "$1"; } >>log 2>&1
)

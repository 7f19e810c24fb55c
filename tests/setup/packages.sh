#!/bin/sh
# Install Debian packages that are missing: packages.sh optional|required NAME...
# "optional": go on without them where there is no apt or no right to use it; what needs them then says so.
set -eu
mode=$1
shift

missing=
for package in "$@"; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

give_up() {
    [ "$mode" = optional ] && exit 0
    echo "Needed and not found:$missing ($1). Install them with this system's package manager." >&2
    exit 1
}

command -v apt-get >/dev/null || give_up "this is not Debian or Ubuntu"
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || give_up "installing them takes root or sudo"
    as_root=sudo
fi

echo "Installing$missing ..." >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    give_up "apt-get failed"
fi

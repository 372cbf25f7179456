#!/usr/bin/env bash
# Installs what the tests call besides cargo, by Debian's packages, and only when it is missing.
# A differential test that cannot find its other half fails; it is never skipped. So this runs first.
set -euo pipefail

# command:package
NEEDED=(
  cc:build-essential
  make:make
  xmllint:libxml2-utils
  xmlsec1:xmlsec1
  openssl:openssl
  sqlite3:sqlite3
)

missing=()
commands=()
for pair in "${NEEDED[@]}"; do
  if ! command -v "${pair%%:*}" >/dev/null 2>&1; then
    commands+=("${pair%%:*}")
    missing+=("${pair#*:}")
  fi
done

if [ "${#missing[@]}" -eq 0 ]; then
  echo "test services: all present"
  exit 0
fi

give_up() {
  {
    echo "test services: missing commands: ${commands[*]}"
    echo "  $1"
    echo "  install them by hand, then run this again; on Debian: apt-get install ${missing[*]}"
  } >&2
  exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "there is no apt-get here, so they cannot be installed"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || give_up "you are not root and there is no sudo"
  # Without a terminal sudo must not wait for a password nobody can type.
  if [ -t 0 ]; then as_root=(sudo); else as_root=(sudo -n); fi
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

echo "test services: installing ${missing[*]}"
# The first try uses the package lists as they are; a stale list is the usual reason for failing.
if ! apt install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
  apt update || give_up "apt-get update failed (no network, or no right to)"
  apt install -y --no-install-recommends "${missing[@]}" || give_up "apt-get install failed"
fi

for pair in "${NEEDED[@]}"; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || give_up "${pair#*:} is installed but gives no ${pair%%:*}"
done
echo "test services: installed"

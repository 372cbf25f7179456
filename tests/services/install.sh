#!/usr/bin/env bash
# Installs what the tests call besides cargo, by Debian's packages, and only when it is missing; and a
# Singer tap beside them (tap.sh).
# A differential test that cannot find its other half fails; it is never skipped. So this runs first.
set -euo pipefail

# command or file:package
NEEDED=(
  cc:build-essential
  make:make
  flock:util-linux
  xmllint:libxml2-utils
  xmlsec1:xmlsec1
  openssl:openssl
  sqlite3:sqlite3
  softhsm2-util:softhsm2
  /usr/lib/softhsm/libsofthsm2.so:libsofthsm2
  epmd:erlang-base
  /usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server
  /usr/lib/postgresql/15/bin/postgres:postgresql-15
  /usr/sbin/mariadbd:mariadb-server-core
  mariadb:mariadb-client-core
  /usr/lib/python3.11/ensurepip:python3-venv
  chromium:chromium
  chromedriver:chromium-driver
  /usr/share/fonts/truetype/wqy/wqy-zenhei.ttc:fonts-wqy-zenhei
  /usr/include/sql.h:unixodbc-dev
  /usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so:odbc-postgresql
  /usr/lib/x86_64-linux-gnu/odbc/libmaodbc.so:odbc-mariadb
  /usr/lib/x86_64-linux-gnu/odbc/libsqlite3odbc.so:libsqliteodbc
)

# Debian's folder of the machine's libraries.
machine="$(uname -m)-linux-gnu"
NEEDED=("${NEEDED[@]//x86_64-linux-gnu/$machine}")

there() {
  [ -e "$1" ] || command -v "$1" >/dev/null 2>&1
}

missing=()
commands=()
for pair in "${NEEDED[@]}"; do
  if ! there "${pair%%:*}"; then
    commands+=("${pair%%:*}")
    missing+=("${pair#*:}")
  fi
done

if [ "${#missing[@]}" -eq 0 ]; then
  echo "test services: all present"
  exec bash "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
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

# Debian starts what it installs; ours are private. A policy that is already there stays as it is
# (containers have one), an own one goes away with this script.
policy=/usr/sbin/policy-rc.d
own_policy=
forbid_starts() {
  [ ! -e "$policy" ] || return 0
  own_policy=yes
  printf '#!/bin/sh\n# written by tests/services/install.sh for the time of an install\nexit 101\n' |
    "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
}
allow_starts() {
  if [ -n "$own_policy" ]; then "${as_root[@]}" rm -f "$policy"; fi
}
trap allow_starts EXIT

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

echo "test services: installing ${missing[*]}"
forbid_starts
# The first try uses the package lists as they are; a stale list is the usual reason for failing.
if ! apt install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
  apt update || give_up "apt-get update failed (no network, or no right to)"
  apt install -y --no-install-recommends "${missing[@]}" || give_up "apt-get install failed"
fi

hash -r
for pair in "${NEEDED[@]}"; do
  there "${pair%%:*}" || give_up "${pair#*:} is installed but gives no ${pair%%:*}"
done
echo "test services: installed"
bash "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

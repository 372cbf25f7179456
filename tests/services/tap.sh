#!/usr/bin/env bash
# A real Singer tap for the tests, in a Python environment of its own below the services' folder: once,
# and again when tap.txt has changed.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/lib.sh"

tap="$D/tap"
want="$(sha256sum <"$here/tap.txt")"
if [ "$(cat "$tap/complete" 2>/dev/null)" = "$want" ]; then
  echo "test services: the tap is there"
  exit 0
fi
# Two runs at once: the second waits and finds it there.
exec 7>"$D/tap.lock"
flock 7
if [ "$(cat "$tap/complete" 2>/dev/null)" = "$want" ]; then exit 0; fi
echo "test services: installing the tap"
rm -rf "$tap"
/usr/bin/python3 -m venv "$tap" || fail "python3 -m venv failed; on Debian: apt-get install python3-venv"
"$tap/bin/pip" --disable-pip-version-check --quiet install --no-deps --only-binary=:all: \
  --require-hashes -r "$here/tap.txt" </dev/null || fail "the tap cannot be installed (no network, or no PyPI?)"
"$tap/bin/tap-dbf" --version >/dev/null || fail "the tap does not start"
echo "$want" >"$tap/complete"

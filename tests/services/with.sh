#!/usr/bin/env bash
# Runs a command with the services up, and stops them after it, also when it fails or is interrupted;
# unless `make services` keeps them, or another run still uses them.
#   with.sh COMMAND…
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/lib.sh"

# Shared while in use; who can have it alone is the last.
exec 8>"$D/users"
flock -s 8
leave() {
  status=$?
  trap '' INT TERM HUP
  if [ ! -e "$D/keep" ] && flock -n -x 8; then bash "$here/down.sh" 8>&-; fi
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bash "$here/up.sh" 8>&-

# In a group of its own and waited for: a signal to this script is heard at once, and goes to all of it.
set -m
"$@" 8>&- &
child=$!
set +m
trap 'kill -INT -- "-$child" 2>/dev/null; wait "$child"; exit 130' INT
trap 'kill -TERM -- "-$child" 2>/dev/null; wait "$child"; exit 143' TERM HUP
wait "$child"

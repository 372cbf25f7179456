#!/usr/bin/env bash
# Says which services run and answer. Exit 0 when all do.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/lib.sh"
worst=0
for name in $ALL; do
  if ! pid="$(pid_of "$name")"; then
    echo "$name: not running"
    worst=1
  elif "answers_$name"; then
    echo "$name: answers (process $pid)"
  else
    echo "$name: process $pid lives and does not answer"
    worst=1
  fi
done
echo "folder: $D"
exit "$worst"

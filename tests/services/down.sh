#!/usr/bin/env bash
# Stops what up.sh started in this folder, and in the private sets of tests below it. Data stays.
#   down.sh [rabbitmq] [postgres] [mariadb]    all three when none is named
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/lib.sh"
wanted="${*:-$ALL}"
PATIENCE=15

exec 9>"$D/lock"
flock -w 180 9 || fail "another up.sh or down.sh holds $D/lock for three minutes"

# What a killed test left behind.
if [ "$#" -eq 0 ]; then
  rm -f "$D/keep"
  for private in "$D"/private/*/; do
    [ -d "$private" ] || continue
    TIERGATE_SERVICES="$private" bash "${BASH_SOURCE[0]}" >/dev/null 9>&-
    rm -rf "$private"
  done
fi

# The broker goes before its name service.
case " $wanted " in *" rabbitmq "*) wanted="$wanted epmd" ;; esac

pids=()
for name in $wanted; do
  if pid="$(pid_of "$name")"; then
    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients.
    case "$name" in
      postgres) kill -INT "$pid" ;;
      epmd) ;;
      *) kill -TERM "$pid" ;;
    esac
    kill -CONT "$pid"
    pids+=("$name:$pid")
  fi
done 2>/dev/null

end=$((SECONDS + PATIENCE))
for pair in "${pids[@]}"; do
  name="${pair%%:*}"
  if [ "$name" = epmd ]; then kill -TERM "${pair#*:}" 2>/dev/null || true; fi
  while pid_of "$name" >/dev/null; do
    if [ "$SECONDS" -ge "$end" ]; then kill -KILL "${pair#*:}" 2>/dev/null || true; fi
    sleep 0.05
  done
done
for name in $wanted; do rm -f "$D/$name/pid"; done
rm -f "$D/env"
echo "test services: stopped ${#pids[@]} processes"

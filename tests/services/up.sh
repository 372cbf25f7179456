#!/usr/bin/env bash
# Starts private services on free ports of 127.0.0.1 and waits until each answers; a service that runs
# is left alone. Data, logs and `env` (what tests read) stand below target/services, or in the folder
# that TIERGATE_SERVICES names.
#   up.sh [--keep] [rabbitmq] [postgres] [mariadb]    all three when none is named
# --keep: with.sh does not stop them after its command.
# TIERGATE_POSTGRES_DISK=96m: PostgreSQL's tables lie on a disk of that size, gone when it ends.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/lib.sh"
keep=
if [ "${1:-}" = --keep ]; then
  keep=yes
  shift
fi
wanted="${*:-$ALL}"
DEADLINE=90
trap 'echo "test services: up.sh failed in line $LINENO" >&2' ERR

exec 9>"$D/lock"
flock -w 180 9 || fail "another up.sh or down.sh holds $D/lock for three minutes"

# PostgreSQL refuses to be root. Where its user cannot even reach the folder (a workspace below /root),
# it is given the right to pass through folders, and no other.
owner=()
find_owner() {
  if [ "$(id -u)" -ne 0 ]; then return 0; fi
  chown postgres: "$D/postgres"
  owner=(setpriv --reuid postgres --regid postgres --clear-groups)
  if ! "${owner[@]}" test -x "$D/postgres" 2>/dev/null; then
    owner+=(--inh-caps=+dac_override,+dac_read_search --ambient-caps=+dac_override,+dac_read_search)
  fi
}

# launch NAME COMMAND…: in a session of its own, so that Ctrl-C at the tests does not reach it. The
# lock must not be inherited: it would be held as long as the service lives.
launch() {
  local name="$1"
  shift
  printf '== %s\n' "$(date '+%F %T')" >>"$D/$name/out"
  TIERGATE_SERVICE="$D/$name" setsid "$@" >>"$D/$name/out" 2>&1 </dev/null 9>&- &
  echo $! >"$D/$name/pid"
}

# RabbitMQ's name service, one for each set: the machine's own, if there is one, is not ours to stop.
start_epmd() {
  local try
  mkdir -p "$D/epmd"
  if pid_of epmd >/dev/null && answers_tcp "$(setting epmd_port)"; then return 0; fi
  own_port epmd_port
  launch epmd epmd -port "$(setting epmd_port)" -address 127.0.0.1
  for try in $(seq 100); do
    if answers_tcp "$(setting epmd_port)"; then return 0; fi
    sleep 0.05
  done
  fail "epmd does not answer after $((try / 20)) s" "$D/epmd/out"
}

start_rabbitmq() {
  bash "$here/certificates.sh" "$D/tls" || fail "the certificates could not be made"
  start_epmd
  mkdir -p "$D/rabbitmq"
  echo '[rabbitmq_auth_mechanism_ssl].' >"$D/rabbitmq/enabled_plugins"
  cat >"$D/rabbitmq/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(setting amqp_port)
listeners.ssl.1 = 127.0.0.1:$(setting amqps_port)
ssl_options.cacertfile = $D/tls/ca.pem
ssl_options.certfile = $D/tls/server.pem
ssl_options.keyfile = $D/tls/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
ssl_cert_login_from = common_name
default_user = tiergate
default_pass = $(setting amqp_password)
disk_free_limit.absolute = 50MB
log.file = rabbit.log
CONF
  # rabbitmqctl for this broker
  (
    rabbit_environment
    echo '#!/bin/sh'
    export -p | sed -n 's/^declare -x \(RABBITMQ_[A-Z_]*=\|ERL_[A-Z_]*=\|HOME=\|LC_ALL=\)/export \1/p'
    echo "exec $RABBIT/rabbitmqctl \"\$@\""
  ) >"$D/rabbitmq/ctl"
  chmod 755 "$D/rabbitmq/ctl"
  (
    umask 077
    rabbit_environment
    # As under systemd the start script becomes erl instead of its parent: the pid is the broker's.
    RUNNING_UNDER_SYSTEMD=true launch rabbitmq "$RABBIT/rabbitmq-server"
  )
}

# The children of a killed PostgreSQL end by themselves, at once as a rule. A new one beside them would
# write what they write; without postmaster.pid it would not see them.
end_orphans() {
  local try cwd found
  for try in $(seq 200); do
    found=
    for cwd in /proc/[0-9]*/cwd; do
      if [ "$(readlink "$cwd" 2>/dev/null)" = "$D/postgres/data" ]; then
        found="$(basename "$(dirname "$cwd")")"
        if [ "$try" -gt 100 ]; then kill -KILL "$found" 2>/dev/null || true; fi
      fi
    done
    if [ -z "$found" ]; then return 0; fi
    sleep 0.05
  done
  fail "a process of the last PostgreSQL does not end: $found"
}

# Tables on a small disk that only the server sees; its log stays on the large one, as installations
# have it. In a user namespace whoever calls may mount; in a second one inside it nobody is root.
start_postgres_on_small_disk() {
  local mount='mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec unshare --map-user=1000 --map-group=1000 "$@"'
  local serve='"$1/initdb" -D "$2/disk/data" --waldir="$2/wal" -U tiergate -A scram-sha-256 --pwfile="$2/password" \
    -E UTF8 --locale=C.UTF-8 --no-sync && exec "$1/postgres" -D "$2/disk/data" -p "$3" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=300 -c fsync=on -c checkpoint_timeout=1d -c max_wal_size=4GB'
  rm -rf "$D/postgres/disk" "$D/postgres/wal"
  mkdir -p "$D/postgres/disk"
  (umask 077 && setting postgres_password >"$D/postgres/password")
  (cd "$D/postgres" && launch postgres unshare -r -m sh -c "$mount" sh "$TIERGATE_POSTGRES_DISK" "$D/postgres/disk" \
    sh -c "$serve" sh "$PGBIN" "$D/postgres" "$(setting postgres_port)")
}

start_postgres() {
  mkdir -p "$D/postgres"
  if [ -n "${TIERGATE_POSTGRES_DISK:-}" ]; then
    start_postgres_on_small_disk
    return
  fi
  find_owner
  if [ ! -f "$D/postgres/complete" ]; then
    rm -rf "$D/postgres/data"
    (umask 077 && setting postgres_password >"$D/postgres/password")
    if [ "${#owner[@]}" -gt 0 ]; then chown postgres: "$D/postgres/password"; fi
    # A cluster that was not finished is made again: making it needs no fsync. Running it does.
    (cd "$D/postgres" && "${owner[@]}" "$PGBIN/initdb" -D "$D/postgres/data" -U tiergate -A scram-sha-256 \
      --pwfile="$D/postgres/password" -E UTF8 --locale=C.UTF-8 --no-sync) >"$D/postgres/initdb.out" 2>&1 9>&- ||
      fail "initdb failed" "$D/postgres/initdb.out"
    : >"$D/postgres/complete"
  fi
  end_orphans
  # One that was killed leaves postmaster.pid; its number may be another process by now.
  rm -f "$D/postgres/data/postmaster.pid"
  (cd "$D/postgres" && launch postgres "${owner[@]}" "$PGBIN/postgres" -D "$D/postgres/data" \
    -p "$(setting postgres_port)" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=300 -c fsync=on)
}

start_mariadb() {
  local who=() at
  mkdir -p "$D/mariadb"
  if [ "$(id -u)" -eq 0 ]; then who=(--user=root); fi
  if [ ! -f "$D/mariadb/complete" ]; then
    rm -rf "$D/mariadb/data"
    mariadb-install-db --no-defaults --datadir="$D/mariadb/data" --auth-root-authentication-method=normal \
      --skip-test-db --skip-name-resolve >"$D/mariadb/install.out" 2>&1 9>&- ||
      fail "mariadb-install-db failed" "$D/mariadb/install.out"
    : >"$D/mariadb/complete"
  fi
  {
    echo "create database if not exists tiergate character set utf8mb4;"
    for at in 127.0.0.1 localhost; do
      echo "create user if not exists tiergate@'$at' identified by '$(setting mariadb_password)';"
      echo "grant all on *.* to tiergate@'$at' with grant option;"
    done
  } >"$D/mariadb/init.sql"
  # No socket file: its path may be longer than a socket's name can be.
  (cd "$D/mariadb" && launch mariadb /usr/sbin/mariadbd --no-defaults "${who[@]}" --datadir="$D/mariadb/data" \
    --bind-address=127.0.0.1 --port="$(setting mariadb_port)" --socket= --skip-name-resolve \
    --pid-file="$D/mariadb/mariadbd.pid" --init-file="$D/mariadb/init.sql" --innodb-buffer-pool-size=64M)
}

log_of() {
  case "$1" in
    rabbitmq) if [ -s "$D/rabbitmq/log/rabbit.log" ]; then echo "$D/rabbitmq/log/rabbit.log"; else echo "$D/rabbitmq/out"; fi ;;
    *) echo "$D/$1/out" ;;
  esac
}

await() {
  local end=$((SECONDS + DEADLINE))
  until "answers_$1"; do
    pid_of "$1" >/dev/null || fail "$1 ended while it started" "$(log_of "$1")"
    [ "$SECONDS" -lt "$end" ] || fail "$1 does not answer after $DEADLINE s" "$(log_of "$1")"
    sleep 0.1
  done
}

write_env() {
  (
    umask 077
    {
      if up_already rabbitmq; then
        echo "TIERGATE_TEST_AMQP=amqp://tiergate:$(setting amqp_password)@127.0.0.1:$(setting amqp_port)/%2f"
        echo "TIERGATE_TEST_AMQPS=amqps://tiergate:$(setting amqp_password)@localhost:$(setting amqps_port)/%2f"
        echo "TIERGATE_TEST_TLS=$D/tls"
        echo "TIERGATE_TEST_RABBITMQCTL=$D/rabbitmq/ctl"
      fi
      if up_already postgres; then
        echo "TIERGATE_TEST_POSTGRES=postgres://tiergate:$(setting postgres_password)@127.0.0.1:$(setting postgres_port)/postgres"
      fi
      if up_already mariadb; then
        echo "TIERGATE_TEST_MARIADB=mysql://tiergate:$(setting mariadb_password)@127.0.0.1:$(setting mariadb_port)/tiergate"
      fi
    } >"$D/env.new"
  )
  mv "$D/env.new" "$D/env"
}

if [ -n "$keep" ]; then : >"$D/keep"; fi

# Ports and passwords are decided one after the other; the slow parts run side by side.
begun=$SECONDS
started=()
for name in $wanted; do
  case " $ALL " in *" $name "*) ;; *) fail "unknown service $name; there are $ALL" ;; esac
  up_already "$name" || started+=("$name")
done
if [ "${#started[@]}" -eq 0 ] && [ -s "$D/env" ]; then
  echo "test services: up ($wanted)"
  exit 0
fi
for name in "${started[@]}"; do
  # Alive but silent: wait for it (it may be starting or stopped by a test), never start a second one.
  if pid_of "$name" >/dev/null; then await "$name"; fi
done
workers=()
for name in "${started[@]}"; do
  pid_of "$name" >/dev/null || case "$name" in
    rabbitmq) own_port amqp_port; own_port amqps_port; own_port dist_port; own_password amqp_password; start_rabbitmq ;;
    postgres) own_port postgres_port; own_password postgres_password; start_postgres & workers+=($!) ;;
    mariadb) own_port mariadb_port; own_password mariadb_password; start_mariadb & workers+=($!) ;;
  esac
done
for worker in "${workers[@]}"; do wait "$worker" || exit 1; done
for name in "${started[@]}"; do await "$name"; done
write_env
echo "test services: started ${started[*]} in $((SECONDS - begun)) s; $D/env"

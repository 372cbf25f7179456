# What up.sh, down.sh, with.sh and status.sh share; sourced, never run. Needs `here` (this folder).
# One set of services is one folder: its ports, secrets, data, pids and logs. A set of its own, for a
# fault test, is the same scripts with TIERGATE_SERVICES naming another folder.

root="$(cd "$here/../.." && pwd)"
D="${TIERGATE_SERVICES:-$root/target/services}"
mkdir -p "$D"
D="$(cd "$D" && pwd -P)"
(umask 077 && : >>"$D/settings")
ALL="rabbitmq postgres mariadb"
PGBIN=/usr/lib/postgresql/15/bin
RABBIT=/usr/lib/rabbitmq/bin
export LC_ALL=C.UTF-8

# said on failure, with the end of the log that explains it
fail() {
  {
    echo "test services: $1"
    if [ -n "${2:-}" ] && [ -f "$2" ]; then
      echo "  the end of $2:"
      tail -n 15 "$2" | sed 's/^/  | /'
    fi
  } >&2
  exit 1
}

# pid_of NAME: the process of a service, if it lives. A pid file may be stale and its number somebody
# else's by now, so the process must also name our folder in its arguments or its environment. One that
# is just becoming another program has neither for a moment: it is asked again.
pid_of() {
  local pid
  pid="$(cat "$D/$1/pid" 2>/dev/null)" || return 1
  [ -n "$pid" ] || return 1
  for _ in $(seq 20); do
    # A process that ended and was not waited for still has its number.
    grep -q '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" 2>/dev/null || return 1
    if grep -qaF "$D/$1" "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null; then
      echo "$pid"
      return 0
    fi
    sleep 0.02
  done
  return 1
}

# setting NAME: what this set decided once and keeps over restarts (ports, passwords).
setting() { sed -n "s/^$1=//p" "$D/settings"; }

set_setting() {
  local rest
  rest="$(grep -v "^$1=" "$D/settings" 2>/dev/null || true)"
  (umask 077 && printf '%s\n' ${rest:+"$rest"} "$1=$2" >"$D/settings.new")
  mv "$D/settings.new" "$D/settings"
}

# Taken in any state: a listener, a connection, or one that has just ended.
port_taken() {
  grep -qiE "^ *[0-9]+: [0-9A-F]+:$(printf '%04X' "$1") " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Below 32768, where the kernel gives no port to anybody's outgoing connection: a port stays ours
# while its service is down for a restart.
pick_port() {
  local port try
  for try in $(seq 100); do
    port=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
    if ! port_taken "$port" && ! grep -qs "=$port$" "$D/settings"; then
      echo "$port"
      return 0
    fi
  done
  fail "no free port between 20000 and 32000"
}

# own_port NAME: the port kept for NAME, or a new one. One that somebody else listens on
# meanwhile is given up.
own_port() {
  local port
  port="$(setting "$1")"
  if [ -z "$port" ] || answers_tcp "$port"; then
    port="$(pick_port)"
    set_setting "$1" "$port"
  fi
}

answers_tcp() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

own_password() {
  [ -n "$(setting "$1")" ] || set_setting "$1" "$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')"
}

# The broker's side of the protocol says its first frame (type 1) only when it takes connections.
answers_rabbitmq() (
  exec 2>/dev/null
  exec 3<>"/dev/tcp/127.0.0.1/$(setting amqp_port)" || exit 1
  printf 'AMQP\0\0\11\1' >&3
  IFS= read -r -t 2 -n 1 byte <&3 && [ "$byte" = $'\1' ]
)

answers_postgres() { "$PGBIN/pg_isready" -q -t 2 -h 127.0.0.1 -p "$(setting postgres_port)" 2>/dev/null; }

answers_mariadb() {
  MYSQL_PWD="$(setting mariadb_password)" timeout 5 mariadb --no-defaults -h 127.0.0.1 \
    -P "$(setting mariadb_port)" -u tiergate -e 'select 1' tiergate >/dev/null 2>&1
}

up_already() { pid_of "$1" >/dev/null && "answers_$1"; }

# What erl and rabbitmqctl need to speak of this broker and of no other.
rabbit_environment() {
  export RABBITMQ_NODENAME=tiergate@localhost RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_MNESIA_BASE="$D/rabbitmq/mnesia" RABBITMQ_LOG_BASE="$D/rabbitmq/log" \
    RABBITMQ_CONFIG_FILE="$D/rabbitmq/rabbitmq.conf" RABBITMQ_PID_FILE="$D/rabbitmq/booted" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$D/rabbitmq/enabled_plugins" \
    RABBITMQ_DIST_PORT="$(setting dist_port)" ERL_EPMD_PORT="$(setting epmd_port)" \
    ERL_EPMD_ADDRESS=127.0.0.1 ERL_CRASH_DUMP_SECONDS=0 HOME="$D/rabbitmq" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
}

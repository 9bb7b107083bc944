#!/usr/bin/env bash
# A Redis master, a replica of it and a sentinel, all with passwords: REDIS_SENTINEL_URL. $1: its folder.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
[ -z "${REDIS_SENTINEL_URL:-}" ] || exit 0

folder=$1
server=$(redis_program)
[ -n "$server" ] || { echo 'The tests need Redis: apt-get install redis-server, or set REDIS_SENTINEL_URL' >&2; exit 1; }

say 'starting a Redis master, a replica and a sentinel'
start() { # name, settings
  local name=$1
  shift
  mkdir -p "$folder/$name"
  "$server" "$@" --bind 127.0.0.1 --dir "$folder/$name" --daemonize yes --pidfile "$folder/$name/pid" \
    --logfile "$folder/$name/log" >/dev/null
  echo "kill \$(cat $folder/$name/pid) 2>/dev/null || true" >>"$folder/stop"
}

master=$(free_port)
replica=$(free_port)
sentinel=$(free_port)
start master --port "$master" --save '' --appendonly no --requirepass of-master --masterauth of-master
start replica --port "$replica" --save '' --appendonly no --requirepass of-master --masterauth of-master \
  --replicaof 127.0.0.1 "$master"
mkdir "$folder/sentinel"
cat >"$folder/sentinel/sentinel.conf" <<CONF
port $sentinel
requirepass of-sentinel
sentinel monitor mymaster 127.0.0.1 $master 1
sentinel auth-pass mymaster of-master
CONF
start sentinel "$folder/sentinel/sentinel.conf" --sentinel

echo "export REDIS_SENTINEL_URL='redis+sentinel://:of-master@127.0.0.1:$sentinel/mymaster?sentinel_password=of-sentinel'" \
  >"$folder/env"

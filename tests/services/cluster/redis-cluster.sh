#!/usr/bin/env bash
# A Redis Cluster of three masters and three replicas: REDIS_CLUSTER_URL. $1: its folder.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
[ -z "${REDIS_CLUSTER_URL:-}" ] || exit 0

folder=$1
server=$(redis_program)
cli=$(command -v redis-cli || command -v valkey-cli || true)
[ -n "$server" ] && [ -n "$cli" ] || { echo 'The tests need Redis: apt-get install redis-server, or set REDIS_CLUSTER_URL' >&2; exit 1; }

say 'starting a Redis Cluster of six servers'
ports=()
for index in 1 2 3 4 5 6; do
  port=$(free_port)
  bus=$(free_port)
  mkdir "$folder/$index"
  "$server" --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder/$index" --daemonize yes \
    --pidfile "$folder/$index/pid" --logfile "$folder/$index/log" --cluster-enabled yes --cluster-port "$bus" \
    --cluster-node-timeout 2000 >/dev/null
  echo "kill \$(cat $folder/$index/pid) 2>/dev/null || true" >>"$folder/stop"
  ports+=("$port")
done

for port in "${ports[@]}"; do
  for _ in $(seq 50); do
    [ "$("$cli" -p "$port" ping 2>/dev/null)" = PONG ] && break
    sleep 0.1
  done
done
"$cli" --cluster create "${ports[@]/#/127.0.0.1:}" --cluster-replicas 1 --cluster-yes >"$folder/create.log" 2>&1 ||
  { cat "$folder/create.log" >&2; exit 1; }

hosts=$(printf ',127.0.0.1:%s' "${ports[@]}")
echo "export REDIS_CLUSTER_URL=redis+cluster://${hosts#,}" >"$folder/env"

#!/usr/bin/env bash
# PgBouncer in transaction mode before the server of DATABASE_URL, with five connections to it: PGBOUNCER_URL.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
folder=$1

[ -z "${PGBOUNCER_URL:-}" ] || exit 0
: "${DATABASE_URL:?is where PgBouncer leads to}"
program=$(command -v pgbouncer || { install pgbouncer >&2 || true; command -v pgbouncer; } || true)
[ -n "$program" ] || { echo 'Tests behind PgBouncer need it: apt-get install pgbouncer' >&2; exit 1; }

# The package starts one of its own, which is not ours to stop and does no harm.
read -r host server_port user password database < <(node -e '
  const url = new URL(process.env.DATABASE_URL);
  const user = decodeURIComponent(url.username || "postgres");
  const password = decodeURIComponent(url.password) || "-";
  console.log(url.hostname || "127.0.0.1", url.port || 5432, user, password, url.pathname.slice(1) || user);
')
port=$(free_port)
owner=$(user_of postgres)
login=""
[ "$password" = - ] || login="password=$password"
cat >"$folder/pgbouncer.ini" <<INI
[databases]
$database = host=$host port=$server_port dbname=$database user=$user $login
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 1000
logfile = $folder/log
pidfile = $folder/pid
INI
[ "$(id -u)" = 0 ] && chown -R "$owner" "$folder"
# What it writes on standard output would be waited for by whoever reads ours.
(cd /; as "$owner" "$program" -q -d "$folder/pgbouncer.ini" >/dev/null 2>&1)
echo "kill \$(cat $folder/pid) 2>/dev/null || true" >"$folder/stop"
echo "export PGBOUNCER_URL=postgres://$user@127.0.0.1:$port/$database" >"$folder/env"

#!/usr/bin/env bash
# Runs a command with DATABASE_URL set to a PostgreSQL that answers, and stops what it had to start.
#
# In this order: DATABASE_URL; a server on 127.0.0.1:5432 that lets postgres in; a throwaway cluster from installed
# binaries; the same after installing the Debian package, where that is possible; else it says what to set.
set -euo pipefail

say() { echo "==> $*"; }

answers() { # url
  node - "$1" <<'JS'
const net = require("node:net");
const url = new URL(process.argv[2]);
const socket = net.connect({ host: url.hostname || "127.0.0.1", port: Number(url.port || 5432) });
const user = decodeURIComponent(url.username || "postgres");
const database = url.pathname.slice(1) || user;
const body = Buffer.from(`user\0${user}\0database\0${database}\0\0`);
const head = Buffer.alloc(8);
head.writeInt32BE(8 + body.length, 0);
head.writeInt32BE(196608, 4);
socket.setTimeout(2000, () => process.exit(1));
socket.on("error", () => process.exit(1));
socket.on("connect", () => socket.write(Buffer.concat([head, body])));
// 'R' is a request to authenticate, or the word that none is needed: somebody is there. 'E' is a refusal.
socket.on("data", (data) => process.exit(data[0] === 0x52 && (data.readInt32BE(5) === 0 || url.password) ? 0 : 1));
JS
}

binaries() { # prints the folder with initdb
  local dir
  for dir in $(ls -d /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -rV); do
    [ -x "$dir/initdb" ] && { echo "$dir"; return 0; }
  done
  command -v initdb >/dev/null && dirname "$(command -v initdb)"
}

as_owner() { # initdb refuses to run as root
  if [ "$(id -u)" = 0 ]; then
    if id postgres >/dev/null 2>&1; then runuser -u postgres -- "$@"; else runuser -u nobody -- "$@"; fi
  else
    "$@"
  fi
}

start_throwaway() { # bin
  local bin=$1
  cluster=$(mktemp -d "${TMPDIR:-/tmp}/sentri-postgres.XXXXXX")
  chmod 755 "$cluster"
  [ "$(id -u)" = 0 ] && chown "$(id -u postgres 2>/dev/null || id -u nobody)" "$cluster"
  local port
  port=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
  say "starting a throwaway PostgreSQL on port $port"
  (cd /; as_owner "$bin/initdb" -D "$cluster/data" -U postgres -A trust --no-sync >"$cluster.log" 2>&1)
  (cd /; as_owner "$bin/pg_ctl" -D "$cluster/data" -w -o "-p $port -k '' -c listen_addresses=127.0.0.1 -c fsync=off" \
    -l "$cluster/server.log" start >/dev/null)
  stop="cd /; as_owner $bin/pg_ctl -D $cluster/data -m immediate stop >/dev/null 2>&1; rm -rf $cluster $cluster.log"
  DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

stop=:
trap 'eval "$stop"' EXIT

if [ -n "${DATABASE_URL:-}" ]; then
  answers "$DATABASE_URL" || { echo "DATABASE_URL is set, but nothing answers there: $(echo "$DATABASE_URL" | sed 's#//[^@]*@#//#')" >&2; exit 1; }
elif answers postgres://postgres@127.0.0.1:5432/test; then
  DATABASE_URL=postgres://postgres@127.0.0.1:5432/test
elif answers postgres://postgres@127.0.0.1:5432/postgres; then
  DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres
else
  if [ -z "$(binaries)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say 'installing the Debian package postgresql'
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
  fi
  bin=$(binaries) || true
  if [ -z "${bin:-}" ]; then
    echo 'The tests need PostgreSQL. Set DATABASE_URL, e.g. postgres://user@host:5432/database, or install it: apt-get install postgresql' >&2
    exit 1
  fi
  start_throwaway "$bin"
fi
export DATABASE_URL
"$@"

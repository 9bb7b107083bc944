#!/usr/bin/env bash
# Runs a command with DATABASE_URL, MYSQL_URL and REDIS_URL set to a PostgreSQL, a MySQL or MariaDB and a Redis that
# answer, and stops what it had to start.
#
# For each, in this order: its variable; a throwaway server from installed binaries; the same after installing the Debian
# package, where that is possible; else it says what to install. A throwaway server writes nothing to the disk before it
# answers, which the tests have no use for and which takes a third of their time.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

answers() { # url: whether a server of that kind lets us in there
  node - "$1" <<'JS'
const net = require("node:net");
const url = new URL(process.argv[2]);
const kind = url.protocol.replace(/s?:$/, "");
const port = { postgre: 5432, mysql: 3306, mariadb: 3306, redi: 6379 }[kind];
const user = decodeURIComponent(url.username || (kind === "postgre" ? "postgres" : ""));
const socket = net.connect({ host: url.hostname || "127.0.0.1", port: Number(url.port || port) });
const done = (ok) => process.exit(ok ? 0 : 1);
socket.setTimeout(2000, () => done(false));
socket.on("error", () => done(false));
socket.on("close", () => done(false));
if (kind === "postgre") {
  const body = Buffer.from(`user\0${user}\0database\0${url.pathname.slice(1) || user}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(196608, 4);
  socket.on("connect", () => socket.write(Buffer.concat([head, body])));
  // 'R' is a request to authenticate, or the word that none is needed: somebody is there. 'E' is a refusal.
  socket.on("data", (data) => done(data[0] === 0x52 && (data.readInt32BE(5) === 0 || url.password)));
} else if (kind === "redi") {
  socket.on("connect", () => socket.write("PING\r\n"));
  // Where a password is wanted and given, that somebody asks for it must do.
  socket.on("data", (data) => done(/^\+PONG/.test(data) || (url.password && /^-NOAUTH/.test(data))));
} else {
  // The server speaks first. An answer to our login, whose password is empty, follows; 0 is OK, 255 a refusal.
  let asked = false;
  socket.on("data", (data) => {
    if (asked) return done(data[4] === 0);
    if (data[4] === 0xff || url.password) return done(data[4] !== 0xff);
    asked = true;
    const database = url.pathname.slice(1);
    const flags = 0x1 | 0x200 | 0x8000 | 0x80000 | (database ? 0x8 : 0);
    const fixed = Buffer.alloc(32);
    fixed.writeUInt32LE(flags, 0);
    fixed.writeUInt32LE(1 << 24, 4);
    fixed[8] = 45;
    const names = `${user}\0\0${database ? `${database}\0` : ""}mysql_native_password\0`;
    const body = Buffer.concat([fixed, Buffer.from(names)]);
    socket.write(Buffer.concat([Buffer.from([body.length, 0, 0, 1]), body]));
  });
}
JS
}

without_login() { sed 's#//[^@]*@#//#' <<<"$1"; } # url

folder_for() { # name, user who runs the server: makes a folder, prints it
  local folder
  folder=$(mktemp -d "${TMPDIR:-/tmp}/sentri-$1.XXXXXX")
  chmod 755 "$folder"
  [ "$(id -u)" = 0 ] && chown "$2" "$folder"
  echo "$folder"
}

until_it_answers() { # url, log
  for _ in $(seq 100); do
    answers "$1" && return 0
    sleep 0.2
  done
  echo "A throwaway server does not answer; its log:" >&2
  tail -20 "$2" >&2
  exit 1
}

find_server() { # variable, command that starts one, its program
  local variable=$1 start=$2 program=$3 url
  url=${!variable:-}
  if [ -n "$url" ]; then
    answers "$url" || { echo "$variable is set, but nothing lets us in there: $(without_login "$url")" >&2; exit 1; }
    return 0
  fi
  $start "$($program)"
}

stop=:
trap 'eval "$stop"' EXIT

# --- PostgreSQL ---------------------------------------------------------------------------------------------------

start_postgres() { # folder with initdb
  local bin=$1 user folder port
  user=$(user_of postgres)
  folder=$(folder_for postgres "$user")
  port=$(free_port)
  say "starting a throwaway PostgreSQL on port $port"
  (cd /; as "$user" "$bin/initdb" -D "$folder/data" -U postgres -A trust --no-sync >"$folder.log" 2>&1)
  (cd /; as "$user" "$bin/pg_ctl" -D "$folder/data" -w -o "-p $port -k '' -c listen_addresses=127.0.0.1 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" \
    -l "$folder/server.log" start >/dev/null)
  stop="$stop; (cd /; as $user $bin/pg_ctl -D $folder/data -m immediate stop >/dev/null 2>&1); rm -rf $folder $folder.log"
  export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

# --- MySQL, MariaDB -----------------------------------------------------------------------------------------------

start_mysql() { # server
  local server=$1 user folder port
  user=$(user_of mysql)
  folder=$(folder_for mysql "$user")
  port=$(free_port)
  say "starting a throwaway MySQL or MariaDB on port $port"
  local fast=(--innodb-flush-log-at-trx-commit=0 --skip-innodb-doublewrite --skip-log-bin)
  if command -v mariadb-install-db >/dev/null; then
    fast+=(--innodb-flush-method=nosync --innodb-file-per-table=OFF --performance-schema=OFF)
    (cd /; as "$user" mariadb-install-db --no-defaults --datadir="$folder/data" --tmpdir="$folder" \
      --auth-root-authentication-method=normal --skip-test-db >"$folder/install.log" 2>&1)
  else
    (cd /; as "$user" "$server" --no-defaults --initialize-insecure --datadir="$folder/data" \
      --tmpdir="$folder" >"$folder/install.log" 2>&1)
  fi
  (cd /; as "$user" "$server" --no-defaults --datadir="$folder/data" --tmpdir="$folder" --socket="$folder/socket" \
    --bind-address=127.0.0.1 --port="$port" --pid-file="$folder/pid" "${fast[@]}" \
    >"$folder/server.log" 2>&1 &)
  stop="$stop; kill \$(cat $folder/pid) 2>/dev/null && tail --pid=\$(cat $folder/pid) -f /dev/null; rm -rf $folder"
  MYSQL_URL="mysql://root@127.0.0.1:$port/mysql"
  until_it_answers "$MYSQL_URL" "$folder/server.log"
  export MYSQL_URL
}

# --- Redis --------------------------------------------------------------------------------------------------------

start_redis() { # server
  local server=$1 folder port
  folder=$(mktemp -d "${TMPDIR:-/tmp}/sentri-redis.XXXXXX")
  port=$(free_port)
  say "starting a throwaway Redis on port $port"
  "$server" --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" --daemonize yes \
    --pidfile "$folder/pid" --logfile "$folder/server.log" >/dev/null
  stop="$stop; kill \$(cat $folder/pid) 2>/dev/null; rm -rf $folder"
  REDIS_URL="redis://127.0.0.1:$port"
  until_it_answers "$REDIS_URL" "$folder/server.log"
  export REDIS_URL
}

# --- poolers, clusters, standbys ----------------------------------------------------------------------------------

# Each script in cluster/ is called with a folder of its own, at the same time as the others. It starts its servers on
# free ports, writes `export NAME=value` lines to `env` in that folder and what stops them to `stop`. Where its variable is
# set already, it starts nothing. It fails with a message that says what to install.
start_clusters() {
  local here script folder jobs=()
  here=$(dirname "${BASH_SOURCE[0]}")/cluster
  clusters=$(mktemp -d "${TMPDIR:-/tmp}/sentri-clusters.XXXXXX")
  chmod 755 "$clusters"
  stop="$stop; for file in $clusters/*/stop; do if [ -f \$file ]; then bash \$file; fi; done; rm -rf $clusters"
  for script in "$here"/*.sh; do
    [ -f "$script" ] || continue
    folder=$clusters/$(basename "$script" .sh)
    mkdir "$folder"
    bash "$script" "$folder" &
    jobs+=("$!")
  done
  for job in ${jobs[@]+"${jobs[@]}"}; do wait "$job" || exit 1; done
  for folder in "$clusters"/*/; do if [ -f "$folder/env" ]; then . "$folder/env"; fi; done
}

needs() { # its program, what it is, Debian package, variable
  [ -n "$($1)" ] || install "$3" || true
  [ -n "$($1)" ] || { echo "The tests start a $2 of their own (even with $4 set, for TLS): apt-get install $3" >&2; exit 1; }
}

needs postgres_program PostgreSQL postgresql DATABASE_URL
needs mysql_program 'MySQL or MariaDB' mariadb-server MYSQL_URL
needs redis_program Redis redis-server REDIS_URL

find_server DATABASE_URL start_postgres postgres_program
find_server MYSQL_URL start_mysql mysql_program
find_server REDIS_URL start_redis redis_program
start_clusters
"$@"

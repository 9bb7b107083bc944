# What the scripts that start servers share; to be sourced.

say() { echo "==> $*"; }

free_port() {
  node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

install() { # Debian package
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "installing the Debian package $1"
  # Scripts run at once, and apt-get waits for its own locks only where it is told to.
  (
    flock 9
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
  ) 9>"${TMPDIR:-/tmp}/sentri-install.lock"
}

as() { # user, command: servers refuse to run as root
  local user=$1
  shift
  if [ "$(id -u)" = 0 ]; then runuser -u "$user" -- "$@"; else "$@"; fi
}

user_of() { id "$1" >/dev/null 2>&1 && echo "$1" || echo nobody; } # name

postgres_program() { # prints the folder with initdb
  local dir
  for dir in $(ls -d /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -rV); do
    [ -x "$dir/initdb" ] && { echo "$dir"; return 0; }
  done
  command -v initdb >/dev/null && dirname "$(command -v initdb)" || true
}

mysql_program() { command -v mariadbd || command -v mysqld || ls /usr/sbin/mariadbd /usr/sbin/mysqld 2>/dev/null | head -1 || true; }

redis_program() { command -v redis-server || command -v valkey-server || true; }

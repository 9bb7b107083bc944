#!/usr/bin/env bash
# A MariaDB Galera cluster of three nodes: GALERA_URL. $1: its folder, in which `N/start` starts node N anew, `N/pid`
# holds the number of its process and `N/port` its port.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
[ -z "${GALERA_URL:-}" ] || exit 0

folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
provider() { ls /usr/lib/galera/libgalera_smm.so /usr/lib*/galera*/libgalera_smm.so 2>/dev/null | head -1 || true; }
program() { command -v mariadbd || ls /usr/sbin/mariadbd 2>/dev/null || true; }
[ -n "$(program)" ] || install mariadb-server >&2 || true
[ -n "$(provider)" ] || install galera-4 >&2 || true
command -v rsync >/dev/null || install rsync >&2 || true
[ -n "$(program)" ] && [ -n "$(provider)" ] && command -v rsync >/dev/null ||
  { echo 'Tests of Galera need it: apt-get install mariadb-server galera-4 rsync, or set GALERA_URL' >&2; exit 1; }

say 'starting a MariaDB Galera cluster of three nodes'
owner=$(user_of mysql)
[ "$(id -u)" = 0 ] && chown "$owner" "$folder"
small=(--innodb-buffer-pool-size=32M --innodb-log-file-size=48M --performance-schema=OFF
  --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --skip-innodb-doublewrite --innodb-file-per-table=OFF)
# A server that starts takes away what looks like temporary tables of its own, so that none may share a folder for them.
(cd /; as "$owner" mariadb-install-db --no-defaults --datadir="$folder/seed" --tmpdir="$folder" \
  --auth-root-authentication-method=normal --skip-test-db "${small[@]}" >"$folder/install.log" 2>&1) ||
  { cat "$folder/install.log" >&2; exit 1; }

ready() { # port
  mariadb --no-defaults -uroot -h127.0.0.1 -P"$1" -Ne "SHOW STATUS LIKE 'wsrep_ready'" 2>/dev/null | grep -q ON
}

members=()
for index in 1 2 3; do members+=("127.0.0.1:$(free_port)"); done
all=$(IFS=,; echo "${members[*]}")
name=sentri-${members[0]##*:}
hosts=
for index in 1 2 3; do
  node=$folder/$index
  port=$(free_port)
  as "$owner" mkdir "$node"
  as "$owner" cp -r "$folder/seed" "$node/data"
  member=${members[index - 1]}
  # A node that is cut off or killed is given up after seconds that a test can wait for.
  options="gmcast.listen_addr=tcp://$member;ist.recv_addr=127.0.0.1:$(free_port);gcache.size=16M;gcache.page_size=16M;gcs.fc_limit=256"
  options="$options;evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.2S"
  options="$options;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S"
  arguments=(--no-defaults --datadir="$node/data" --tmpdir="$node" --socket="$node/socket"
    --bind-address=127.0.0.1 --port="$port" --pid-file="$node/pid" "${small[@]}" --binlog-format=ROW
    --innodb-autoinc-lock-mode=2 --default-time-zone=+03:00
    --wsrep-on=ON --wsrep-provider="$(provider)" --wsrep-cluster-name="$name" --wsrep-node-name="node$index"
    --wsrep-node-address="$member" --wsrep-sst-method=rsync --wsrep-sst-receive-address="127.0.0.1:$(free_port)"
    "--wsrep-provider-options=$options")
  {
    echo '#!/usr/bin/env bash'
    echo "# \$1: where the other members are, if not where they were at the start."
    echo ". '$here/../lib.sh'"
    # What it writes on standard output would be waited for by whoever reads ours.
    printf '(cd / && as %q %q' "$owner" "$(program)"
    printf ' %q' "${arguments[@]}"
    # shellcheck disable=SC2016
    echo " --wsrep-cluster-address=\"\${1-gcomm://$all}\") </dev/null >>'$node/log' 2>&1 &"
  } >"$node/start"
  echo "$port" >"$node/port"
  echo "kill -KILL \$(cat $node/pid) 2>/dev/null || true" >>"$folder/stop"
  if [ "$index" = 1 ]; then bash "$node/start" gcomm://; else bash "$node/start"; fi
  for _ in $(seq 300); do ready "$port" && break; sleep 0.1; done
  ready "$port" || { tail -40 "$node/log" >&2; exit 1; }
  hosts=$hosts,127.0.0.1:$port
done
mariadb --no-defaults -uroot -h127.0.0.1 -P"$port" -e 'CREATE DATABASE test'
echo "export GALERA_URL=mysql://root@${hosts#,}/test" >"$folder/env"

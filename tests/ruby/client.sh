#!/usr/bin/env bash
# Runs the Ruby client over the bindings of `make bindings LANG=ruby` against `sentri serve` of the npm package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
folder=$root/target/bindings/ruby
export LD_LIBRARY_PATH=$folder DYLD_LIBRARY_PATH=$folder
place=$(mktemp -d)
export DB=sqlite:$place/sentri.db SENTRI_DRAIN=0 SENTRI_RATE_LIMIT=off SENTRI_SALT_ROUNDS=10
cd "$place"
node "$root/npm/dist/cli/main.js" serve --port 0 > "$place/out" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$place"' EXIT
for _ in $(seq 300); do
  BASE=$(sed -n 's/^sentri is at //p' "$place/out")
  grep -q 'Ctrl-C stops it' "$place/out" && break
  kill -0 "$server" || { cat "$place/out"; exit 1; }
  sleep 0.1
done
export BASE
ROTATE=$(printf '["node","%s","keys","rotate","--json"]' "$root/npm/dist/cli/main.js")
export ROTATE
ruby -I "$folder" "$root/tests/ruby/client.rb"

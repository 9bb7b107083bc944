#!/usr/bin/env bash
# Finds or installs the browser that the tests drive: CHROMIUM, /usr/bin/chromium, or Debian's package where that is possible.
set -euo pipefail

browser=${CHROMIUM:-/usr/bin/chromium}
[ -x "$browser" ] && exit 0
if [ -z "${CHROMIUM:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo '==> installing chromium'
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
  [ -x "$browser" ] && exit 0
fi
echo "$browser is missing: install Debian's package chromium, or name a Chromium in CHROMIUM" >&2
exit 1

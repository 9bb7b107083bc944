#!/usr/bin/env bash
# Finds or installs the proxy of the guide: NGINX, nginx on the path, or Debian's package where that is possible.
set -euo pipefail

PATH=$PATH:/usr/sbin:/usr/local/sbin
proxy=$(command -v "${NGINX:-nginx}" || true)
[ -n "$proxy" ] && exit 0
if [ -z "${NGINX:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo '==> installing nginx'
  # The package starts a server of its own, which nobody needs here.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx >/dev/null
  rm -f /usr/sbin/policy-rc.d
  command -v nginx >/dev/null && exit 0
fi
echo 'nginx is missing: install it, or name one in NGINX' >&2
exit 1

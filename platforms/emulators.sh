#!/usr/bin/env bash
# Finds or installs the emulators that run programs of other platforms: qemu for arm64, wine for Windows.
set -euo pipefail

missing=()
command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
command -v wine >/dev/null || missing+=(wine wine64)
[ ${#missing[@]} = 0 ] && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "==> installing the Debian packages ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "The test of all platforms needs: apt-get install ${missing[*]}" >&2
  exit 1
fi

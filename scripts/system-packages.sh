#!/usr/bin/env bash
# Installs the Debian packages that the build and the tests need and the machine lacks. Node and Rust are expected to
# be there in the versions that package.json and host/native/Cargo.toml name; `npm test` says so where they are not.
set -euo pipefail

# command -> package that has it
declare -A packages=([cc]="gcc libc6-dev")

missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=(${packages[$command]})
done
((${#missing[@]})) || exit 0

echo "installing Debian packages: ${missing[*]}" >&2
if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
  echo "install these yourself, by your system's means" >&2
  exit 1
fi
apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2

#!/usr/bin/env bash
# Installs the Debian packages that the build, the tests and the lab need and the machine lacks. What it installs starts
# no service, now or at boot: the lab starts its own, in its own network namespaces. Node and Rust are expected to be
# there in the versions that package.json and host/native/Cargo.toml name; `npm test` says so where they are not.
set -euo pipefail

# Where Debian keeps what a user's PATH may lack.
PATH+=:/usr/sbin:/sbin

# command -> packages that have it
declare -A packages=(
  [cc]="gcc libc6-dev"
  [curl]=curl
  [ethtool]=ethtool
  [ip]=iproute2
  [iperf3]=iperf3
  [nft]=nftables
  [nginx]=nginx-light
  [openssl]=openssl
  [ovs-vswitchd]=openvswitch-switch
  [sysctl]=procps
  [tcpdump]=tcpdump
  [trafgen]=netsniff-ng
)
# Of these, what would be started.
services=(nginx openvswitch-switch)

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

# Asked by every package before it starts a service; 101: not now. One that is there already is somebody's wish.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
new=()
for service in "${services[@]}"; do
  [[ -e /etc/init.d/$service ]] || new+=("$service")
done

apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2

for service in "${new[@]}"; do
  [[ -e /etc/init.d/$service ]] || continue
  if command -v systemctl >/dev/null; then systemctl disable --quiet "$service" >&2 || true; fi
  if command -v update-rc.d >/dev/null; then update-rc.d "$service" disable >&2 || true; fi
done

/** The appliance file that `dobbs init` writes: two blades, every field explained. */

/** `schema` is where editors find the JSON Schema, relative to the file. */
export function starterFile(schema: string): string {
  return `# yaml-language-server: $schema=${schema}
#
# An appliance: a cluster of server blades that its clients see as one server.

# What operators call it.
name: dobbs

# The virtual IP addresses at which clients reach it. Every blade has them too, but answers no ARP for them.
vips:
  - 192.0.2.80

# The virtual MAC address behind these: clients, or their router, learn it by ARP. No device may have it.
vmac: 02:d0:bb:00:00:50

# A client's address is hashed to one of so many buckets, and each bucket belongs to one owner. A power of two, up to 65536.
buckets: 256

# The hash: mix (keyed and fast), toeplitz (that of RSS network cards) or low-bits (the last bits of the address: any
# switch can match them, but a client can choose them).
hash: mix

# The secret that keys the hash: 16 bytes as 32 hex digits, in quotes, as \`openssl rand -hex 16\` makes them. Without
# this line, \`dobbs serve\` draws one, and keeps it in its state folder.
# seed: "..."

# The switch's ports towards clients.
uplinks: [0]

# The servers. A blade has a unicast MAC of its own, which redirected frames are sent to, and a port of the switch.
# Weights say how the buckets are shared; 1 when left out.
blades:
  - name: dobbs-ferry
    mac: 02:d0:bb:00:01:01
    port: 1
    weight: 1
  - name: ardsley
    mac: 02:d0:bb:00:01:02
    port: 2
    weight: 1
  # A blade may have VMs that serve in its stead, each behind a host port of the blade's NIC:
  # - name: hastings
  #   mac: 02:d0:bb:00:01:03
  #   port: 3
  #   vms:
  #     - { name: vm1, mac: 02:d0:bb:00:02:01, port: 1 }
  #     - { name: vm2, mac: 02:d0:bb:00:02:02, port: 2 }

# How packets of other protocols than TCP are told apart; the first entry that matches decides. "none": each packet for
# itself, answered by the current owner. "flow": they stay with the blade that has answered the first, until there was none
# for the idle time. "cid": QUIC, whose connection ids name the blade. What no entry matches is flow, with these times.
# services:
#   - { protocol: udp, port: 53, class: none }
#   - { protocol: udp, port: 51820, class: flow, idle: 180s, provisional: 5s }
#   - { protocol: udp, port: 443, class: cid }
# After its bucket has moved, a flow that never rests is cut, and goes to the new server:
# udpDrain: 600s

# How the servers must make their QUIC connection ids: draft-ietf-quic-load-balancers-21. Each owner has a server id: its
# place in this file, from 1, or what "servers" says. The key hides them; draw one as the seed.
# connectionIds:
#   - config: 0
#     serverIdBytes: 8
#     nonceBytes: 8
#     key: "..."
#     servers: { dobbs-ferry: "0000000000000001" }

# Buckets move by weight: when blades come and go, and when weights change. They can move by load, too: from the busiest
# blade to the idlest, when these differ by \`gap\` runnable processes a CPU. No more than \`share\` of all buckets are on
# their way at a time, and one is on its way until the connections that it had have closed. Looked at \`every\` so often.
# balance: { by: load, share: 5%, every: 10s, gap: 0.25 }

# L2 filter rules; the first that matches decides, and what none matches passes. "at" is a blade, blades or switch.
# filters:
#   - { action: drop, destination: "01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0", at: switch }

# Stations that own no bucket, and the port that leads to them.
# forward:
#   - { mac: 02:d0:bb:00:03:01, at: dobbs-ferry, port: 2 }

# The switches that \`dobbs serve\` has programmed: one active, and standbys to fail over to. A switch runs Dobbs' own
# firmware (dobbs), or is a Linux box with nftables (nft) or a bridge of Open vSwitch (ovs). The latter two need
# \`hash: low-bits\`. "run" goes before every command; "interfaces" says which interface is which port.
# switches:
#   - name: west
#     role: active
#     dobbs: { link: "unix:/run/dobbs/west.sock" }
#   - name: east
#     role: standby
#     nft: { run: [ssh, root@east], interfaces: { 0: up0, 1: p1, 2: p2, 3: p3 } }
#   - name: top
#     role: standby
#     ovs: { run: [ssh, root@top], bridge: br0, interfaces: { 0: up0, 1: p1, 2: p2, 3: p3 } }
`;
}

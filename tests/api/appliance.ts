/** The appliance of these tests. */
export const APPLIANCE_TEXT = `
name: test
vips: [192.0.2.1]
vmac: 02:d0:bb:00:00:01
buckets: 16
uplinks: [0]
blades:
  - { name: ardsley, mac: "02:00:00:00:00:01", port: 1 }
  - { name: dobbs-ferry, mac: "02:00:00:00:00:02", port: 2 }
  - { name: hastings, mac: "02:00:00:00:00:03", port: 3 }
filters:
  - { action: drop, ethertype: ipv6, at: switch }
forward:
  - { mac: "02:00:00:00:00:99", at: ardsley, port: 2 }
`;

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { bundle, parseState } from "../../host/switches/ovs-flows.ts";
import { steeringOf } from "../../host/switches/steering.ts";
import { check, INTERFACES, openRig, program, type Rig, unable } from "./rig.ts";
import { macOfBlade, state, VIP, VIP6, VMAC } from "./states.ts";

const SMALL = steeringOf(
  {
    ...state(9),
    assignment: {
      generation: 9,
      owners: [{ name: "b1", mac: macOfBlade(1), blade: "b1", port: 1, since: 1 }, { name: "b2", mac: macOfBlade(2), blade: "b2", port: 2, since: 1 }],
      buckets: [[0], [1], [], [0]],
    },
    ports: ["uplink", "fabric", "shut"],
    filters: [{ action: "drop", source: { mac: macOfBlade(1), mask: "ff:ff:ff:ff:ff:ff" }, ethertype: 0x88cc, port: 0 }],
  },
  { vmac: VMAC, vips: [VIP, VIP6] },
  { 0: "up0", 1: "p1", 2: "p-2" },
);

test("a bundle: what there was goes, what is to be comes", () => {
  const text = bundle(SMALL, null);
  const [, cookie] = /cookie=(0x[0-9a-f]+)/.exec(text)!;
  assert.equal(BigInt(cookie!) >> 32n, 9n);
  assert.equal(
    text,
    `delete
add table=0,priority=0,actions=drop
add table=0,priority=1,in_port="up0",actions=resubmit(,1)
add table=0,priority=1,in_port="p1",actions=resubmit(,1)
add table=1,priority=60000,in_port="up0",dl_src=02:d0:bb:00:01:01/ff:ff:ff:ff:ff:ff,dl_type=0x88cc,actions=drop
add table=1,priority=0,actions=resubmit(,2)
add table=2,priority=2,in_port="up0",dl_src=d2:b0:00:00:00:00/ff:f8:00:00:00:00,actions=drop
add table=2,priority=1,dl_src=d2:b0:00:00:00:00/ff:f8:00:00:00:00,actions=resubmit(,3)
add table=2,priority=1,dl_src=01:00:00:00:00:00/01:00:00:00:00:00,actions=resubmit(,3)
add table=2,priority=1,dl_src=02:d0:bb:00:00:50,actions=resubmit(,3)
add table=2,priority=0,actions=learn(table=5,hard_timeout=300,limit=16384,priority=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),resubmit(,3)
add table=3,priority=4,dl_dst=02:d0:bb:00:00:50,ip,actions=move:NXM_OF_IP_SRC[0..1]->NXM_NX_REG0[0..1],resubmit(,4)
add table=3,priority=4,dl_dst=02:d0:bb:00:00:50,ipv6,actions=move:NXM_NX_IPV6_SRC[0..1]->NXM_NX_REG0[0..1],resubmit(,4)
add table=3,priority=4,dl_dst=02:d0:bb:00:00:50,arp,actions=move:NXM_OF_ARP_SPA[0..1]->NXM_NX_REG0[0..1],resubmit(,4)
add table=3,priority=3,dl_dst=02:d0:bb:00:00:50,actions=resubmit(,4)
add table=3,priority=4,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,arp,arp_op=1,arp_tpa=192.0.2.80,actions=move:NXM_OF_ARP_SPA[0..1]->NXM_NX_REG0[0..1],resubmit(,4)
add table=3,priority=4,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,icmp6,icmp_type=135,nd_target=2001:db8::80,actions=move:NXM_NX_IPV6_SRC[0..1]->NXM_NX_REG0[0..1],resubmit(,4)
add table=3,priority=3,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=output:"up0",output:"p1"
add table=3,priority=0,actions=resubmit(,5)
add table=5,priority=0,actions=output:"up0",output:"p1"
add table=4,priority=1,reg0=0,actions=output:"p1"
add table=4,priority=1,reg0=1,actions=drop
add table=4,priority=1,reg0=2,actions=drop
add table=4,priority=1,reg0=3,actions=output:"p1"
add table=3,priority=2,dl_dst=02:d0:bb:00:01:01,actions=output:"p1"
add table=3,priority=2,dl_dst=02:d0:bb:00:01:02,actions=drop
add table=63,priority=0,cookie=${cookie},actions=drop
add table=63,priority=1,in_port="up0",actions=drop
add table=63,priority=1,in_port="p1",actions=drop
`,
  );
});

test("what the switch says of its state is what the bundle said; the learned flows stay while the layout does", () => {
  for (const role of ["active", "standby"] as const) {
    const text = bundle({ ...SMALL, generation: 0xffff_ffff, role }, null);
    const [, cookie] = /cookie=(0x[0-9a-f]+)/.exec(text)!;
    const listed = ` cookie=0x0, table=63, priority=1,in_port="0p" actions=drop\n cookie=${cookie}, table=63, priority=0 actions=drop\n`;
    const found = parseState(listed)!;
    assert.deepEqual([found.generation, found.role, found.isIntact], [0xffff_ffff, role, true]);
    assert.equal(parseState(listed.replace('"0p"', "3"))!.isIntact, false);
    const again = bundle({ ...SMALL, role }, found);
    assert.match(again, /^delete table=0\n/);
    assert.doesNotMatch(again, /^delete\n|^delete table=5\n/m);
    assert.match(bundle({ ...SMALL, role, interfaces: [], ports: [] }, { ...found, isIntact: false }), /^delete\n/);
  }
  for (const other of ["", " cookie=0x0, table=63, priority=1,in_port=p1 actions=drop\n"]) assert.equal(parseState(other), null);
});

test("a standby's flows drop all", () => {
  const text = bundle({ ...SMALL, role: "standby" }, null);
  assert.match(text, /^delete\nadd table=0,priority=0,actions=drop\nadd table=63,priority=0,cookie=0x[0-9a-f]+,actions=drop\n$/);
});

describe("Open vSwitch in a namespace", { skip: unable("ovs") }, () => {
  let rig: Rig;
  before(async () => {
    rig = await openRig("ovs");
  });
  after(() => rig?.close());
  const tool = (...words: string[]): string => execFileSync(rig.run![0]!, [...rig.run!.slice(1), ...words], { encoding: "utf8" });
  const flows = (): string => tool("ovs-ofctl", "-O", "OpenFlow14", "--names", "--no-stats", "--sort", "dump-flows", "br0");

  test("a bridge that would forward by itself is made to fail secure", async () => {
    tool("ovs-vsctl", "set-fail-mode", "br0", "standalone");
    assert.equal(await program(rig.driver, state(5)), null);
    assert.equal(tool("ovs-vsctl", "get-fail-mode", "br0").trim(), "secure");
    assert.doesNotMatch(flows(), /NORMAL/);
  });

  test("a bundle that fails leaves what was in force", async () => {
    const before = flows();
    assert.match((await program(rig.another({ ...INTERFACES, 3: "nope" }), state(6)))!, /^ovs-ofctl failed: .*nope.*\.$/);
    assert.equal(flows(), before);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });

  test("an emptied switch says that it has nothing, and takes it all again", async () => {
    tool("ovs-ofctl", "del-flows", "br0");
    assert.deepEqual(await check(rig.driver), { generation: 0, role: "standby" });
    assert.equal(await program(rig.driver, state(5)), null);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });

  test("a switch one of whose ports was taken away wants to be programmed again", async () => {
    tool("ovs-vsctl", "del-port", "br0", INTERFACES[3]!);
    assert.equal((await check(rig.driver))!.generation, 0);
    tool("ovs-vsctl", "add-port", "br0", INTERFACES[3]!);
    assert.equal(await program(rig.driver, state(5)), null);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });
});

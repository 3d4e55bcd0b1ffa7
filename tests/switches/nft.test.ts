import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { NftSwitch } from "../../host/switches/nft.ts";
import { parseState, transaction } from "../../host/switches/nft-text.ts";
import { steeringOf } from "../../host/switches/steering.ts";
import { check, INTERFACES, ip, openRig, plug, program, type Rig, unable } from "./rig.ts";
import { macOfBlade, state, VIP, VIP6, VMAC } from "./states.ts";

const IDENTITY = { vmac: VMAC, vips: [VIP, VIP6] };
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
  IDENTITY,
  { 0: "up0", 1: "p1", 2: "p-2" },
);

const MAPS = `add element netdev dobbs buckets {
  0.0.0.0 : goto to_1,
  0.0.0.1 : drop,
  0.0.0.2 : drop,
  0.0.0.3 : goto to_1
}
add element netdev dobbs buckets6 {
  ::0 : goto to_1,
  ::1 : drop,
  ::2 : drop,
  ::3 : goto to_1
}
add element netdev dobbs stations {
  02:d0:bb:00:01:01 : goto to_1,
  02:d0:bb:00:01:02 : drop,
  02:d0:bb:00:00:50 : goto to_1
}
`;

test("a transaction: the layout anew, then the maps", () => {
  const text = transaction(SMALL, null);
  const [, digest] = /layout_([0-9a-f]{16})/.exec(text)!;
  assert.equal(
    text,
    `add table netdev dobbs
delete table netdev dobbs
table netdev dobbs {
  map buckets { type ipv4_addr : verdict; }
  map buckets6 { type ipv6_addr : verdict; }
  map stations { type ether_addr : verdict; }
  set heard_0 { type ether_addr; size 16384; flags dynamic,timeout; }
  set heard_1 { type ether_addr; size 16384; flags dynamic,timeout; }
  chain moved_0 {
    delete @heard_1 { ether saddr }
  }
  chain moved_1 {
    delete @heard_0 { ether saddr }
  }
  chain to_0 {
    iif "up0" counter drop
    counter fwd to "up0"
  }
  chain to_1 {
    iif "p1" counter drop
    counter fwd to "p1"
  }
  chain flood {
    iif != "up0" dup to "up0"
    iif != "p1" dup to "p1"
    counter drop
  }
  chain filters {
    iif "up0" ether saddr 02:d0:bb:00:01:01 meta protocol 0x88cc counter drop
  }
  chain steer {
    ip saddr & 0.0.0.3 vmap @buckets
    ip6 saddr & ::3 vmap @buckets6
    arp saddr ip & 0.0.0.3 vmap @buckets
    counter drop
  }
  chain forward {
    ether daddr 02:d0:bb:00:00:50 meta protocol { ip, ip6, arp } goto steer
    ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 arp operation request arp daddr ip { 192.0.2.80 } goto steer
    ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 icmpv6 type nd-neighbor-solicit @th,64,128 0x20010db8000000000000000000000080 goto steer
    ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 goto flood
    ether daddr vmap @stations
    ether daddr @heard_0 goto to_0
    ether daddr @heard_1 goto to_1
    goto flood
  }
  chain port_up0 {
    type filter hook ingress device "up0" priority 0; policy drop;
    jump filters
    ether saddr & ff:f8:00:00:00:00 == d2:b0:00:00:00:00 counter drop
    ether saddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 goto forward
    ether saddr 02:d0:bb:00:00:50 goto forward
    ether saddr != @heard_0 jump moved_0
    update @heard_0 { ether saddr timeout 300s }
    goto forward
  }
  chain port_p1 {
    type filter hook ingress device "p1" priority 0; policy drop;
    jump filters
    ether saddr & ff:f8:00:00:00:00 == d2:b0:00:00:00:00 goto forward
    ether saddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 goto forward
    ether saddr 02:d0:bb:00:00:50 goto forward
    ether saddr != @heard_1 jump moved_1
    update @heard_1 { ether saddr timeout 300s }
    goto forward
  }
  chain port_p_2 {
    type filter hook ingress device "p-2" priority 0; policy drop;
  }
  chain layout_${digest} {}
  chain state {}
}
${MAPS}add rule netdev dobbs state counter comment "generation=9 role=active layout=${digest}"
add rule netdev dobbs state iif "up0" comment "up0"
add rule netdev dobbs state iif "p1" comment "p1"
`,
  );
});

test("a transaction where the layout is in force already: the maps alone, and nothing if someone was faster", () => {
  const [, layout] = /layout=([0-9a-f]{16})/.exec(transaction(SMALL, null)) as unknown as [string, string];
  const inForce = { generation: 8, role: "active", layout, isIntact: true, handle: 31 } as const;
  assert.equal(
    transaction(SMALL, inForce),
    `delete rule netdev dobbs state handle 31
flush chain netdev dobbs layout_${layout}
flush chain netdev dobbs state
flush map netdev dobbs buckets
flush map netdev dobbs buckets6
flush map netdev dobbs stations
${MAPS}add rule netdev dobbs state counter comment "generation=9 role=active layout=${layout}"
add rule netdev dobbs state iif "up0" comment "up0"
add rule netdev dobbs state iif "p1" comment "p1"
`,
  );
  assert.match(transaction(SMALL, { ...inForce, isIntact: false }), /\ndelete table/);
});

test("a standby's table drops all", () => {
  const text = transaction({ ...SMALL, role: "standby" }, null);
  assert.doesNotMatch(text, /fwd|dup|goto|element/);
  assert.equal(text.match(/policy drop/g)!.length, 3);
});

test("what nft lists of the state is read back, and what is not ours is not", () => {
  const list = (...rules: object[]): string => JSON.stringify({ nftables: [{ metainfo: {} }, { chain: {} }, ...rules.map((rule) => ({ rule }))] });
  const comment = "generation=4294967295 role=standby layout=0123456789abcdef";
  const port = (right: string | number): object => ({ comment: "p1", handle: 8, expr: [{ match: { left: {}, right } }] });
  const expected = { generation: 4_294_967_295, role: "standby", layout: "0123456789abcdef", handle: 7 };
  assert.deepEqual(parseState(list({ handle: 7, comment }, port("p1"))), { ...expected, isIntact: true });
  assert.deepEqual(parseState(list({ handle: 7, comment }, port(17))), { ...expected, isIntact: false });
  for (const other of [list(), list({ handle: 7 }), list({ handle: 7, comment: `${comment} ` }), "", "{"]) assert.equal(parseState(other), null);
});

describe("nftables in a namespace", { skip: unable("nft") }, () => {
  let rig: Rig;
  let namespace: string;
  before(async () => {
    rig = await openRig("nft");
    namespace = rig.namespace!;
    assert.equal(await program(rig.driver, state(5)), null);
  });
  after(() => rig?.close());
  const nft = (...words: string[]): string => execFileSync("ip", ["netns", "exec", namespace, "nft", ...words], { encoding: "utf8" });

  test("a transaction that fails leaves what was in force", async () => {
    const table = nft("-s", "list", "ruleset");
    const problem = await program(rig.another({ ...INTERFACES, 3: "nope" }), state(6));
    assert.match(problem!, /^nft failed: .*(No such file or directory|Interface does not exist).*nope.*\.$/);
    assert.equal(nft("-s", "list", "ruleset"), table);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });

  test("a port without an interface is a problem, and changes nothing", async () => {
    assert.match((await program(rig.another({ 0: "p0" }), state(6)))!, /^Port 1 has no interface/);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });

  test("an emptied switch says that it has nothing, and takes it all again", async () => {
    nft("delete", "table", "netdev", "dobbs");
    assert.deepEqual(await check(rig.driver), { generation: 0, role: "standby" });
    assert.equal(await program(rig.driver, state(5)), null);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });

  test("a switch one of whose interfaces was replaced wants to be programmed again", async () => {
    ip("-n", namespace, "link", "del", INTERFACES[5]!);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" }, "nobody was told of that one");
    plug(namespace, `${namespace}-far`, 5);
    ip("-n", namespace, "link", "del", INTERFACES[3]!);
    plug(namespace, `${namespace}-far`, 3);
    assert.equal((await check(rig.driver))!.generation, 0);
    assert.equal(await program(rig.driver, state(5)), null);
    assert.deepEqual(await check(rig.driver), { generation: 5, role: "active" });
  });

  test("other tables are left alone", async () => {
    nft("add", "table", "netdev", "theirs");
    assert.equal(await program(rig.driver, state(7, { role: "standby" })), null);
    assert.match(nft("list", "tables"), /netdev theirs/);
  });
});

test("a switch that cannot be reached gives no answer, and says why it cannot be programmed", async () => {
  const spec = { name: "east", role: "active", kind: "nft", run: ["false"], interfaces: INTERFACES } as const;
  const driver = new NftSwitch(spec, IDENTITY);
  assert.equal(await check(driver), null);
  assert.equal(await program(driver, state(1)), "nft failed: status 1.");
});

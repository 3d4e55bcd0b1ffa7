/** QUIC connections: what their packets look like, and what the watcher calls a violation. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { ownerCids } from "../../host/emulator/quic/cid.ts";
import { Random } from "../../host/emulator/random.ts";
import { connectionIdConfig } from "../../host/model/connection-ids.ts";
import { serverIdOf } from "../../host/quic/connection-id.ts";
import { applianceOf, QUIC_PORT, VIP4, VIP6 } from "../../host/simulate/appliance-plan.ts";
import { generateTopology } from "../../host/simulate/generate-topology.ts";
import { Host } from "../../host/simulate/host.ts";
import { clientEnd, endOf, type Family } from "../../host/simulate/packet.ts";
import type { Parcel } from "../../host/simulate/parcel.ts";
import type { QuicFlowPlan } from "../../host/simulate/plan.ts";
import { QuicFlow } from "../../host/simulate/quic-flow.ts";
import { decodeQuic, encodeQuic } from "../../host/simulate/quic-packet.ts";
import { Safety } from "../../host/simulate/safety.ts";

const { blades, connectionIds } = applianceOf({ ...generateTopology(new Random("two blades")), quic: true });
const [IDS] = connectionIds;
const [FIRST, SECOND] = [blades[0]!, blades[1]!].map(({ name, mac, vms }) => ({ name: vms[0] ? `${name}/${vms[0].name}` : name, mac: vms[0]?.mac ?? mac }));
const NAMES = [FIRST!.name, SECOND!.name] as const;
const WIRE_US = 1_000;
const PLAN: QuicFlowPlan = {
  kind: "quic", id: 9, family: 4, site: 0, client: 5, clientPort: 4_000, vipPort: QUIC_PORT, startUs: 0, count: 6, gapUs: 50_000, patience: 0,
  change: { from: 3, client: 6, clientPort: 5_000 },
};
const [CLIENT, LATER] = [5, 6].map((client) => clientEnd(VIP4, VIP6, 4, 0, client));

for (const family of [4, 6] as const satisfies readonly Family[]) {
  test(`packets over IPv${family} are read as they were written, and not when a byte was changed`, () => {
    const [client, vip] = [clientEnd(VIP4, VIP6, family, 0, 5), endOf(FIRST!.mac, family === 4 ? VIP4 : VIP6)];
    const id = ownerCids(IDS!, NAMES[0], new Random("id"))();
    for (const kind of ["initial", "handshake", "data"] as const) {
      const bytes = encodeQuic(client, 4_000, vip, QUIC_PORT, { kind, number: 7, id }, 1);
      const { source, sourcePort, ...read } = decodeQuic(bytes)!;
      assert.deepEqual([read.kind, read.number, read.id, source, sourcePort], [kind, 7, id, client.key, 4_000]);
      bytes[bytes.length - 1]! ^= 1;
      assert.equal(decodeQuic(bytes), null);
    }
  });
}

class Rig {
  readonly clock = new VirtualClock();
  readonly safety = new Safety(this.clock, () => true, () => 0, () => 0);
  readonly hosts: readonly Host[];
  readonly flow: QuicFlow;
  /** Which host gets what the client sends. */
  to = 0;
  /** All that it has sent. */
  readonly sent: Parcel[] = [];

  constructor(plan: Partial<QuicFlowPlan> = {}) {
    this.hosts = [FIRST!, SECOND!].map((place) => this.#host(place));
    this.flow = new QuicFlow({ ...PLAN, ...plan }, CLIENT!, LATER!, endOf("02:d0:bb:00:00:01", VIP4), {
      clock: this.clock,
      send: (parcel) => {
        this.sent.push(parcel);
        this.clock.after(WIRE_US, () => this.give(this.to, parcel));
      },
      isReleased: () => true,
      onRefused: (flow, what) => this.safety.onQuicRefused(flow, what),
    });
    this.safety.registerQuic(this.flow);
    this.flow.start();
  }

  #host({ name, mac }: { readonly name: string; readonly mac: string }): Host {
    const { safety, clock } = this;
    const world = {
      clock,
      clientOf: (key: number) => [CLIENT!, LATER!].find((end) => end.key === key)!,
      watch: () => null,
      watchError: () => undefined,
      watchDatagram: () => null,
      onTunnel: () => undefined,
      watchQuic: safety.watchQuic.bind(safety),
      onQuic: safety.onQuic.bind(safety),
      onAccepted: () => undefined,
      onCorrupt: () => safety.violate("corrupt", null, ""),
    };
    const receive = ({ bytes }: Parcel): void => this.flow.receive(decodeQuic(bytes)!);
    const makeCid = ownerCids(IDS!, name, new Random(name));
    return new Host(name, name, { 4: endOf(mac, VIP4), 6: endOf(mac, VIP6) }, name.length, makeCid, world, (parcel) => clock.after(WIRE_US, () => receive(parcel)));
  }

  /** As a blade does: the destination becomes the owner's MAC. */
  give(host: number, parcel: Parcel): void {
    const bytes = parcel.bytes.slice();
    bytes.set(endOf([FIRST!, SECOND!][host]!.mac, VIP4).mac);
    this.hosts[host]!.receive({ ...parcel, bytes });
  }

  pass(us: number): void {
    this.clock.runUntil(this.clock.now + us);
  }

  kinds(): string[] {
    return this.safety.violations.map(({ kind, flow }) => `${kind} ${flow}`);
  }
}

describe("a QUIC connection", () => {
  test("goes by an id that names its server, from wherever its client is", () => {
    const rig = new Rig();
    rig.pass(2_000_000);
    assert.deepEqual([rig.kinds(), rig.flow.isOver, rig.flow.answered], [[], true, PLAN.count]);
    const packets = rig.sent.map(({ bytes }) => decodeQuic(bytes)!);
    assert.deepEqual(packets.map(({ kind }) => kind), ["initial", "handshake", "data", "data", "data", "data"]);
    assert.deepEqual(packets.map(({ source }) => source === LATER!.key), [false, false, false, true, true, true]);
    const named = serverIdOf(connectionIdConfig(IDS!), packets[1]!.id)!;
    assert.equal(Buffer.from(named).toString("hex"), IDS!.servers[NAMES[0]]);
  });

  test("whose packet another host answers is a violation", () => {
    const rig = new Rig();
    rig.pass(20_000);
    rig.to = 1;
    rig.pass(60_000);
    assert.deepEqual(rig.kinds(), ["wrong-host 9", "reset 9"]);
    assert.match(rig.safety.violations[0]!.what, /answers packet 1 with "unknown"/);
  });

  test("whose first packet came to two hosts is with the one whose answer came first", () => {
    const rig = new Rig();
    rig.pass(10_000);
    rig.give(1, rig.sent[0]!);
    rig.pass(2_000_000);
    assert.deepEqual([rig.kinds(), rig.flow.isOver], [[], true]);
  });

  test("of a host that is gone is asked for as often as its client's patience allows", () => {
    const rig = new Rig({ patience: 2 });
    rig.pass(20_000);
    rig.safety.onCrash(NAMES[0]);
    rig.hosts[0]!.powerOff();
    rig.to = 1;
    rig.pass(2_000_000);
    assert.deepEqual([rig.kinds(), rig.flow.isOver, rig.flow.answered], [[], true, 1]);
    assert.equal(rig.sent.length, 1 + 3);
  });
});

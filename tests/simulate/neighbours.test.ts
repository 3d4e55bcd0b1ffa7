/** Who asks for a virtual IP's MAC: what goes over the wire, and what the watcher says of the answers. Real images answer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { bytesToMac } from "../../host/model/address.ts";
import { VIP4, VIP6 } from "../../host/simulate/appliance-plan.ts";
import { NeighbourFlow } from "../../host/simulate/neighbour-flow.ts";
import { decodeNeighbour, encodeNeighbourQuestion, type Neighbour } from "../../host/simulate/neighbour-packet.ts";
import { clientEnd, endOf, type Family } from "../../host/simulate/packet.ts";
import type { Parcel } from "../../host/simulate/parcel.ts";
import type { NeighbourFlowPlan } from "../../host/simulate/plan.ts";
import { Safety } from "../../host/simulate/safety.ts";
import { initialState } from "../../host/supervisor/initial-state.ts";

const VMAC = "02:d0:bb:00:00:01";
const ARDSLEY = "02:b1:00:00:00:01";
const RYE = "02:b1:00:00:00:02";
const AGAIN_US = 300_000;
const PLAN: NeighbourFlowPlan = { kind: "neighbour", id: 9, family: 4, site: 0, client: 5, startUs: 0, count: 2, gapUs: 50_000, confirms: true };

const vipOf = (family: Family) => endOf(VMAC, family === 4 ? VIP4 : VIP6);

for (const family of [4, 6] as const satisfies readonly Family[]) {
  test(`a question of IPv${family} is read as it was written, to everyone and to one`, () => {
    const client = clientEnd(VIP4, VIP6, family, 0, 5);
    for (const unicast of [false, true]) {
      const bytes = encodeNeighbourQuestion(client, vipOf(family), unicast);
      const { kind, asker, asked, mac } = decodeNeighbour(bytes)!;
      assert.deepEqual([kind, asker, asked, bytesToMac(mac)], ["question", client.key, vipOf(family).key, bytesToMac(client.mac)]);
      assert.equal((bytes[0]! & 1) === 1, !unicast);
      assert.equal(bytesToMac(bytes.subarray(0, 6)) === VMAC, unicast);
    }
  });
}

/** Someone who asks, and a watcher that knows of two owners: ardsley has all buckets. */
class Rig {
  readonly clock = new VirtualClock();
  readonly safety = new Safety(this.clock, () => true, () => 3, () => 0);
  readonly sent: Parcel[] = [];
  readonly flow: NeighbourFlow;
  agreed: number | null = 1;

  constructor() {
    const [client, vip] = [clientEnd(VIP4, VIP6, 4, 0, PLAN.client), vipOf(4)];
    this.flow = new NeighbourFlow(PLAN, client, vip, {
      clock: this.clock,
      send: (parcel) => void this.sent.push(parcel),
      agreed: () => this.agreed,
      onAnswer: (flow, answer, agreed) => this.safety.onNeighbour(flow, answer, agreed),
    });
    this.save(1);
    this.flow.start();
    this.pass(1);
  }

  save(generation: number): void {
    const first = initialState({ buckets: 8, assigner: "balanced", switches: [], filters: [], forward: [], byLoad: false });
    const owners = [ARDSLEY, RYE].map((mac, port) => ({ name: port === 0 ? "ardsley" : "rye", blade: "", mac, port, since: 1 }));
    this.safety.onSaved({ ...first, assignment: { generation, owners, buckets: Array.from({ length: 8 }, () => [0, 1]) } });
  }

  /** To the newest frame. */
  answer(from: string, mac = VMAC): void {
    const { client, vip } = this.flow;
    const [sender, said] = [from, mac].map((text) => endOf(text, VIP4).mac) as [Uint8Array, Uint8Array];
    const answer: Neighbour = { kind: "answer", asker: client.key, asked: vip.key, from: sender, mac: said };
    this.flow.receive(answer, this.sent.at(-1)!.id);
  }

  pass(us: number): void {
    this.clock.runUntil(this.clock.now + us);
  }

  kinds(): string[] {
    return this.safety.violations.map(({ kind, flow }) => `${kind} ${flow}`);
  }
}

describe("a question for a virtual IP's MAC", () => {
  test("is asked of the one that is known, then of everyone until there is an answer", () => {
    const rig = new Rig();
    rig.pass(2 * AGAIN_US);
    assert.deepEqual(rig.sent.map(({ bytes }) => (bytes[0]! & 1) === 0), [true, false, false]);
    rig.answer(ARDSLEY);
    rig.pass(PLAN.gapUs);
    rig.answer(ARDSLEY);
    assert.deepEqual([rig.kinds(), rig.flow.isOver], [[], true]);
  });

  test("that another one than the current owner answers, while all agree, is a violation", () => {
    const rig = new Rig();
    rig.answer(ARDSLEY);
    rig.answer(RYE);
    assert.deepEqual(rig.kinds(), ["wrong-neighbour 9"]);
    assert.match(rig.safety.violations[0]!.what, /ardsley has bucket 3/);
  });

  test("that others answer while not all agree, or once there is a newer assignment, is none", () => {
    const apart = new Rig();
    apart.agreed = null;
    apart.pass(AGAIN_US);
    apart.answer(RYE);
    const later = new Rig();
    later.save(2);
    later.answer(RYE);
    assert.deepEqual([...apart.kinds(), ...later.kinds()], []);
  });

  test("that is answered with another MAC than the virtual one is a violation, whoever agrees", () => {
    const rig = new Rig();
    rig.agreed = null;
    rig.pass(AGAIN_US);
    rig.answer(ARDSLEY, ARDSLEY);
    assert.deepEqual(rig.kinds(), ["wrong-neighbour 9"]);
  });
});

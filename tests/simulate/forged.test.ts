/** Redirect tags that no blade has made: of every kind, in every generation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { ASK_PORT, VIP4, VIP6 } from "../../host/simulate/appliance-plan.ts";
import { decodeDatagram } from "../../host/simulate/datagram.ts";
import { startForgedFlow } from "../../host/simulate/forged-flow.ts";
import { generatePlan } from "../../host/simulate/generate.ts";
import { clientEnd, endOf } from "../../host/simulate/packet.ts";
import type { Parcel } from "../../host/simulate/parcel.ts";
import type { ForgedFlowPlan, Plan } from "../../host/simulate/plan.ts";
import { prune } from "../../host/simulate/prune.ts";
import { readTag, writeTag } from "../../host/simulate/redirect-tag.ts";
import { decodeSegment } from "../../host/simulate/segment.ts";
import { PORTS } from "../../host/simulate/services.ts";

const PLAN: ForgedFlowPlan = {
  kind: "forged", id: 9, family: 4, site: 0, client: 200, clientPort: 4_000, vipPort: PORTS.echo, from: null, to: "rye", startUs: 0, generation: 3, count: 20, gapUs: 10,
};

test("a tag is read as it was written, and an address is none", () => {
  const frame = new Uint8Array(14);
  assert.equal(readTag(frame), null);
  const tag = { kind: 5, sender: 0x102, generation: 0xfffe };
  writeTag(frame, tag);
  assert.deepEqual(readTag(frame), tag);
});

test("frames have one kind after another, and then those of the next generation", () => {
  for (const vipPort of [PORTS.echo, ASK_PORT]) {
    const clock = new VirtualClock();
    const sent: Parcel[] = [];
    startForgedFlow({ ...PLAN, vipPort }, clientEnd(VIP4, VIP6, 4, 0, PLAN.client), endOf("02:b1:00:00:00:02", VIP4), clock, (parcel) => sent.push(parcel));
    clock.runUntil(1_000);
    assert.deepEqual(sent.map(({ bytes }) => readTag(bytes)!.kind), Array.from({ length: 20 }, (_, at) => at % 8));
    assert.deepEqual(sent.map(({ bytes }) => readTag(bytes)!.generation), Array.from({ length: 20 }, (_, at) => 3 + Math.floor(at / 8)));
    assert.ok(sent.every(({ bytes }) => (vipPort === ASK_PORT ? decodeDatagram(bytes) : decodeSegment(bytes)) !== null));
  }
});

test("they go with the blades that they come from and are for", () => {
  const plan = generatePlan(1);
  const [first, ...blades] = plan.topology.blades;
  const flows = [{ ...PLAN, to: first!.name }, { ...PLAN, to: blades[0]!.name, from: first!.name }, { ...PLAN, to: blades[0]!.name }];
  const small: Plan = prune({ ...plan, flows, topology: { ...plan.topology, blades } });
  assert.deepEqual(small.flows, [flows[2]]);
});

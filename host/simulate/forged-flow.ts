/** Redirect tags that no blade has made: from a NIC that has gone wrong, or from outside. They are nobody's connections, and break none. */
import type { VirtualClock } from "../emulator/clock.ts";
import { ASK_PORT } from "./appliance-plan.ts";
import { encodeDatagram } from "./datagram.ts";
import { mix } from "./dice.ts";
import type { End } from "./packet.ts";
import type { Take } from "./parcel.ts";
import type { ForgedFlowPlan } from "./plan.ts";
import { TAG_KINDS, writeTag } from "./redirect-tag.ts";
import { encodeSegment, NO_PAYLOAD, SYN } from "./segment.ts";

/** `to`: the VIP at the MAC of the owner that they are for. */
export function startForgedFlow(plan: ForgedFlowPlan, client: End, to: End, clock: VirtualClock, send: Take): void {
  const { id, generation, count, gapUs, startUs } = plan;
  for (let number = 0; number < count; number++) {
    clock.at(startUs + number * gapUs, () => {
      const bytes = encode(plan, client, to, number);
      writeTag(bytes, { kind: number % TAG_KINDS, sender: 0, generation: generation + Math.floor(number / TAG_KINDS) });
      send({ bytes, id: mix(id * 2, number), flow: id, redirects: 0 });
    });
  }
}

function encode({ id, clientPort, vipPort }: ForgedFlowPlan, client: End, to: End, number: number): Uint8Array {
  if (vipPort === ASK_PORT) return encodeDatagram(client, clientPort + number, to, vipPort, { kind: "question", number, session: 0 }, number);
  const fields = { flags: SYN, seq: mix(id * 2, number), ack: 0, window: 0x4000, payload: NO_PAYLOAD };
  return encodeSegment(client, clientPort + number, to, vipPort, fields, number);
}

/** Segments that belong to no connection, sent by nobody who would answer: a scan, backscatter, a SYN flood. */
import type { VirtualClock } from "../emulator/clock.ts";
import { mix } from "./dice.ts";
import type { RawFlowPlan } from "./plan.ts";
import type { Take } from "./parcel.ts";
import type { End } from "./packet.ts";
import { encodeSegment, NO_PAYLOAD } from "./segment.ts";

export function startRawFlow(plan: RawFlowPlan, client: End, vip: End, clock: VirtualClock, send: Take): void {
  const { id, flags, clientPort, vipPort, count, gapUs, startUs } = plan;
  for (let number = 0; number < count; number++) {
    clock.at(startUs + number * gapUs, () => {
      const luck = mix(id * 2, number);
      const fields = { flags, seq: luck, ack: mix(luck, 1), window: 0x4000, payload: NO_PAYLOAD };
      send({ bytes: encodeSegment(client, clientPort + number, vip, vipPort, fields, number), id: luck, flow: id, redirects: 0 });
    });
  }
}

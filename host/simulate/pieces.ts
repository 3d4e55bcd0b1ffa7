/** Sends a packet as its plan says: whole, or in pieces. */
import type { VirtualClock } from "../emulator/clock.ts";
import { mix } from "./dice.ts";
import { fragment } from "./fragments.ts";
import type { Parcel, Take } from "./parcel.ts";
import type { PiecesPlan } from "./plan.ts";

/** So late that other packets' pieces begin to wait meanwhile, and not so late that any stops waiting. */
const LATE_US = 100_000;
/** Identifications have 16 bits, in IPv4: so many for each flow, for hosts keep what is left of a packet for a while. */
const PACKETS_PER_FLOW = 128;

/** `number`: of the packet, among those of its flow. */
export function sendInPieces(parcel: Parcel, pieces: PiecesPlan | null, number: number, clock: VirtualClock, send: Take): void {
  if (pieces === null) return send(parcel);
  const [first, ...later] = fragment(parcel.bytes, parcel.flow * PACKETS_PER_FLOW + (number % PACKETS_PER_FLOW)).map((bytes, index) => ({ ...parcel, bytes, id: mix(parcel.id, index) }));
  switch (pieces) {
    case "in-order":
      return [first!, ...later].forEach(send);
    case "last-first":
      return [...later.reverse(), first!].forEach(send);
    case "first-twice":
      return [first!, { ...first!, id: mix(parcel.id, later.length + 1) }, ...later].forEach(send);
    case "first-late":
      later.forEach(send);
      return void clock.after(LATE_US, () => send(first!));
  }
}

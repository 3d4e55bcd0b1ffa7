/** Sends a packet as its plan says: whole, or in pieces. */
import { mix } from "./dice.ts";
import { fragment } from "./fragments.ts";
import type { Parcel, Take } from "./parcel.ts";
import type { PiecesPlan } from "./plan.ts";

/** `number`: of the packet, among those of its flow. */
export function sendInPieces(parcel: Parcel, pieces: PiecesPlan | null, number: number, send: Take): void {
  if (pieces === null) return send(parcel);
  const frames = fragment(parcel.bytes, (parcel.id ^ number) >>> 0);
  const order = pieces === "last-first" ? frames.reverse() : pieces === "first-twice" ? [frames[0]!, ...frames] : frames;
  for (const [index, bytes] of order.entries()) send({ ...parcel, bytes, id: mix(parcel.id, index) });
}

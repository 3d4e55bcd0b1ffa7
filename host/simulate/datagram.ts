/** UDP datagrams of the simulated services: what kind, which one, and of which session. */
import type { End, Family } from "./packet.ts";
import { decodeUdp, encodeUdp } from "./udp.ts";

/** ```
 *  0      1        5         9
 *  +------+--------+---------+
 *  | kind | number | session |
 *  +------+--------+---------+
 *  ``` */
const NUMBER = 1;
const SESSION = NUMBER + 4;
const LENGTH = SESSION + 4;

export const DATAGRAM_KINDS = ["question", "open", "data", "reply", "unknown"] as const;
/** `open`, `data`: of a client that has, or wants, a session. `reply`: of the host that has it. `unknown`: of one that has
 *  none. */
export type DatagramKind = (typeof DATAGRAM_KINDS)[number];

export interface DatagramFields {
  readonly kind: DatagramKind;
  readonly number: number;
  /** 0: none. */
  readonly session: number;
}

export interface Datagram extends DatagramFields {
  readonly family: Family;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** `id`: as `number` of `draft`. */
export function encodeDatagram(from: End, fromPort: number, to: End, toPort: number, { kind, number, session }: DatagramFields, id: number): Uint8Array {
  const payload = new Uint8Array(LENGTH);
  const view = new DataView(payload.buffer);
  view.setUint8(0, DATAGRAM_KINDS.indexOf(kind));
  view.setUint32(NUMBER, number);
  view.setUint32(SESSION, session);
  return encodeUdp(from, fromPort, to, toPort, payload, id);
}

/** Null: it is none, or a byte of it was changed. */
export function decodeDatagram(bytes: Uint8Array): Datagram | null {
  const packet = decodeUdp(bytes);
  if (packet === null || packet.payload.length !== LENGTH) return null;
  const { payload, ...ends } = packet;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const kind = DATAGRAM_KINDS[view.getUint8(0)];
  if (kind === undefined) return null;
  return { ...ends, kind, number: view.getUint32(NUMBER), session: view.getUint32(SESSION) };
}

/**
 * Packets shaped as QUIC's, as far as a balancer looks at them: headers of version 1 (RFC 8999, RFC 9000) with connection ids;
 * in the clear behind them what kind it is, which one, and the id that the server has given the connection.
 *
 * ```
 *  long   0       1         5             6                6 + n                        short   0      1
 *         +-------+---------+-------------+----------------+---------------+------        +------+----------------+------
 *         | first | version | n           | destination id | 0 (source id) | body         | 0x40 | destination id | body
 *         +-------+---------+-------------+----------------+---------------+------        +------+----------------+------
 *
 *  body   0      1        5
 *         +------+--------+----+
 *         | kind | number | id |
 *         +------+--------+----+
 * ```
 */
import { CID_BYTES, QUIC_PORT } from "./appliance-plan.ts";
import type { End } from "./packet.ts";
import { decodeUdp, encodeUdp, type UdpPacket } from "./udp.ts";

const INITIAL = 0xc0;
const HANDSHAKE = 0xe0;
const SHORT = 0x40;
const VERSION_1 = [0, 0, 0, 1];
const NUMBER = 1;
const BODY_ID = NUMBER + 4;
const BODY_BYTES = BODY_ID + CID_BYTES;

const KINDS = ["initial", "handshake", "data", "reply", "unknown"] as const;
/** `initial`: the client has chosen the id. `handshake` (in a long header), `data`: with the server's id. `reply`: of the host that
 *  has the connection. `unknown`: of one that has none, as a stateless reset. */
export type QuicKind = (typeof KINDS)[number];

export interface QuicFields {
  readonly kind: QuicKind;
  readonly number: number;
  /** CID_BYTES bytes: the server's id; of an initial, the client's. */
  readonly id: Uint8Array;
}

export interface QuicPacket extends QuicFields, Omit<UdpPacket, "payload"> {}

/** `count`: as `number` of `draft`. */
export function encodeQuic(from: End, fromPort: number, to: End, toPort: number, fields: QuicFields, count: number): Uint8Array {
  const header = headerOf(fields);
  const payload = new Uint8Array(header.length + BODY_BYTES);
  payload.set(header);
  payload[header.length] = KINDS.indexOf(fields.kind);
  new DataView(payload.buffer).setUint32(header.length + NUMBER, fields.number);
  payload.set(fields.id, header.length + BODY_ID);
  return encodeUdp(from, fromPort, to, toPort, payload, count);
}

/** Null: it is none, or a byte of it was changed. */
export function decodeQuic(bytes: Uint8Array): QuicPacket | null {
  const packet = decodeUdp(bytes);
  if (packet === null || (packet.sourcePort !== QUIC_PORT && packet.destinationPort !== QUIC_PORT)) return null;
  const { payload, ...ends } = packet;
  const at = payload.length - BODY_BYTES;
  const kind = at < 1 ? undefined : KINDS[payload[at]!];
  if (kind === undefined) return null;
  const fields = { kind, number: new DataView(payload.buffer, payload.byteOffset).getUint32(at + NUMBER), id: payload.slice(at + BODY_ID) };
  const header = headerOf(fields);
  return at === header.length && header.every((byte, i) => byte === payload[i]) ? { ...ends, ...fields } : null;
}

/** A client's own id is empty. */
function headerOf({ kind, id }: QuicFields): Uint8Array {
  if (kind === "reply" || kind === "unknown") return Uint8Array.of(SHORT);
  if (kind === "data") return Uint8Array.of(SHORT, ...id);
  return Uint8Array.of(kind === "initial" ? INITIAL : HANDSHAKE, ...VERSION_1, id.length, ...id, 0);
}

/** Packets in pieces: cut by a sender, put together by a host (RFC 791, RFC 8200). */
import type { VirtualClock } from "../emulator/clock.ts";
import { openPacket, sum } from "./packet.ts";

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const FRAGMENT_HEADER_BYTES = 8;
const NEXT_FRAGMENT = 44;
const MORE = 1;
/** Pieces are so long, but for the last. */
const PIECE_BYTES = 8;
/** Linux' ipfrag_time: for no longer the pieces that are there are kept. */
const KEPT_US = 30_000_000;

/** A frame without extension headers, in pieces of 8 bytes. `id`: tells packets apart. */
export function fragment(frame: Uint8Array, id: number): Uint8Array[] {
  const packet = openPacket(frame)!;
  const body = frame.subarray(packet.at, packet.end);
  const count = Math.ceil(body.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const piece = body.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
    const more = index < count - 1 ? MORE : 0;
    return packet.family === 4 ? pieceOfIpv4(frame, piece, index, more, id) : pieceOfIpv6(frame, piece, index, more, id);
  });
}

interface Piece {
  readonly offset: number;
  readonly isLast: boolean;
  readonly body: Uint8Array;
  /** Which packet it is of. */
  readonly key: string;
}

/** Puts packets together again. */
export class Reassembly {
  readonly #clock: VirtualClock;
  readonly #packets = new Map<string, { readonly since: number; readonly pieces: Map<number, Piece> }>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The frame itself, if it is whole; the packet that is whole with this piece; or null: more are missing. */
  take(frame: Uint8Array): Uint8Array | null {
    const piece = readPiece(frame);
    if (piece === null) return frame;
    const pieces = this.#piecesOf(piece.key);
    pieces.set(piece.offset, piece);
    const ordered = [...pieces.values()].sort((a, b) => a.offset - b.offset);
    let end = 0;
    for (const { offset, body } of ordered) if (offset === end) end += body.length;
    const last = ordered.at(-1)!;
    if (!last.isLast || end !== last.offset + last.body.length) return null;
    this.#packets.delete(piece.key);
    return whole(frame, ordered.map(({ body }) => body), end);
  }

  /** That have come of a packet, and are still kept. */
  #piecesOf(key: string): Map<number, Piece> {
    const { now } = this.#clock;
    let packet = this.#packets.get(key);
    if (packet === undefined || now - packet.since >= KEPT_US) {
      packet = { since: now, pieces: new Map() };
      this.#packets.set(key, packet);
    }
    return packet.pieces;
  }
}

function pieceOfIpv4(frame: Uint8Array, piece: Uint8Array, index: number, more: number, id: number): Uint8Array {
  const ip = ETHERNET_BYTES;
  const bytes = new Uint8Array(ip + IPV4_BYTES + piece.length);
  bytes.set(frame.subarray(0, ip + IPV4_BYTES));
  bytes.set(piece, ip + IPV4_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(ip + 2, IPV4_BYTES + piece.length);
  view.setUint16(ip + 4, id & 0xffff);
  view.setUint16(ip + 6, (more << 13) | ((index * PIECE_BYTES) >> 3));
  view.setUint16(ip + 10, 0);
  view.setUint16(ip + 10, ~sum(view, ip, IPV4_BYTES, 0) & 0xffff);
  return bytes;
}

function pieceOfIpv6(frame: Uint8Array, piece: Uint8Array, index: number, more: number, id: number): Uint8Array {
  const ip = ETHERNET_BYTES;
  const at = ip + IPV6_BYTES;
  const bytes = new Uint8Array(at + FRAGMENT_HEADER_BYTES + piece.length);
  bytes.set(frame.subarray(0, at));
  bytes.set(piece, at + FRAGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(ip + 4, FRAGMENT_HEADER_BYTES + piece.length);
  view.setUint8(at, view.getUint8(ip + 6));
  view.setUint8(ip + 6, NEXT_FRAGMENT);
  view.setUint16(at + 2, (index * PIECE_BYTES) | more);
  view.setUint32(at + 4, id);
  return bytes;
}

/** Null: it is no piece. */
function readPiece(frame: Uint8Array): Piece | null {
  const packet = openPacket(frame);
  if (packet === null) return null;
  const { view, at, end, family, sourceAddress } = packet;
  const source = sourceAddress.join();
  if (family === 4) {
    const field = view.getUint16(ETHERNET_BYTES + 6);
    if ((field & 0x3fff) === 0) return null;
    const offset = (field & 0x1fff) << 3;
    return { offset, isLast: (field & 0x2000) === 0, body: frame.subarray(at, end), key: `${source} ${view.getUint16(ETHERNET_BYTES + 4)}` };
  }
  if (packet.protocol !== NEXT_FRAGMENT) return null;
  const field = view.getUint16(at + 2);
  return { offset: field & 0xfff8, isLast: (field & MORE) === 0, body: frame.subarray(at + FRAGMENT_HEADER_BYTES, end), key: `${source} ${view.getUint32(at + 4)}` };
}

/** A frame like `frame`, which is a piece, with all of the packet. */
function whole(frame: Uint8Array, bodies: readonly Uint8Array[], length: number): Uint8Array {
  const packet = openPacket(frame)!;
  const ip = ETHERNET_BYTES;
  const header = packet.family === 4 ? IPV4_BYTES : IPV6_BYTES;
  const bytes = new Uint8Array(ip + header + length);
  bytes.set(frame.subarray(0, ip + header));
  let at = ip + header;
  for (const body of bodies) {
    bytes.set(body, at);
    at += body.length;
  }
  const view = new DataView(bytes.buffer);
  if (packet.family === 6) {
    view.setUint16(ip + 4, length);
    view.setUint8(ip + 6, packet.view.getUint8(packet.at));
    return bytes;
  }
  view.setUint16(ip + 2, IPV4_BYTES + length);
  view.setUint16(ip + 6, 0);
  view.setUint16(ip + 10, 0);
  view.setUint16(ip + 10, ~sum(view, ip, IPV4_BYTES, 0) & 0xffff);
  return bytes;
}

/** Connection IDs. */
import type { Random } from "../random.ts";
import { CID_BYTES_MAX } from "./packet.ts";

/** What a client calls itself, and a server for the first time (RFC 9000, 7.2: 8 bytes at least). */
export const RANDOM_CID_BYTES = 8;
/** "Nobody can read a server out of this one": the three highest bits of the first byte (draft-ietf-quic-load-balancers). */
const UNROUTABLE = 0xe0;

/** Makes a connection ID that its packets will come back with. All that one host makes are of one length. */
export type MakeCid = () => Uint8Array;

export function randomCid(random: Random): Uint8Array {
  return random.fill(new Uint8Array(RANDOM_CID_BYTES));
}

/** For servers of an appliance that reads no server ids. */
export function unroutableCids(random: Random): MakeCid {
  return () => {
    const cid = randomCid(random);
    cid[0]! |= UNROUTABLE;
    return cid;
  };
}

export function cidKey(cid: Uint8Array): string {
  if (cid.length > CID_BYTES_MAX) throw new RangeError(`a connection ID has ${CID_BYTES_MAX} bytes at most, not ${cid.length}`);
  return Buffer.from(cid).toString("hex");
}

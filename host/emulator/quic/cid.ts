/** Connection IDs, as clients and emulated servers make them. */
import { type ConnectionIds, connectionIdConfig } from "../../model/connection-ids.ts";
import { CONFIG_ID_MAX, makeConnectionId } from "../../quic/connection-id.ts";
import type { Random } from "../random.ts";
import { CID_BYTES_MAX } from "./packet.ts";

/** What a client calls itself, and a server for the first time (RFC 9000, 7.2: 8 bytes at least). */
export const RANDOM_CID_BYTES = 8;
const CONFIG_SHIFT = 5;
/** "Nobody can read a server out of this one". */
const UNROUTABLE = (CONFIG_ID_MAX + 1) << CONFIG_SHIFT;

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

/** That name `owner`, as the appliance has it. */
export function ownerCids(ids: ConnectionIds, owner: string, random: Random): MakeCid {
  const config = connectionIdConfig(ids);
  const serverId = Uint8Array.from(Buffer.from(ids.servers[owner]!, "hex"));
  const nonce = random.fill(new Uint8Array(ids.nonceBytes));
  return () => {
    increment(nonce);
    return makeConnectionId(config, serverId, nonce);
  };
}

/** To the next big-endian number: no nonce may be used twice. */
function increment(bytes: Uint8Array): void {
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = (bytes[at]! + 1) & 0xff;
    if (bytes[at] !== 0) return;
  }
}

export function cidKey(cid: Uint8Array): string {
  if (cid.length > CID_BYTES_MAX) throw new RangeError(`a connection ID has ${CID_BYTES_MAX} bytes at most, not ${cid.length}`);
  return Buffer.from(cid).toString("hex");
}

/** What Linux 6.18 (x86-64) wrote for sockets on loopback, and a way to say it with another tuple or state. */

/** nlmsghdr (type 20, multi, sequence 1), inet_diag_msg of 127.0.0.1:38704 -> 127.0.0.1:36477 established, attributes. */
const SOCKET =
  "7c0000001400020001000000" + "e3270000" +
  "0201000097308e7d7f0000010000000000000000000000007f000001000000000000000000000000" +
  "000000000200000000000000000000000000000000000000000000002f3e0000" +
  "050008000000000008000f00000000000c00150001000000000000000600160052000000";
const DONE = "1400000003000200" + "01000000e3270000" + "00000000";

const STATE_AT = 16 + 1;
const FAMILY_AT = 16;
const LOCAL_PORT_AT = 16 + 4;
const REMOTE_PORT_AT = 16 + 6;
const LOCAL_AT = 16 + 8;
const REMOTE_AT = 16 + 24;
const FLAGS_AT = 6;
const SEQUENCE_AT = 8;

export interface SocketSample {
  readonly state?: number;
  readonly local?: readonly [address: Uint8Array, port: number];
  readonly remote?: readonly [address: Uint8Array, port: number];
  readonly interrupted?: boolean;
  readonly sequence?: number;
}

/** A message of a dump. */
export function socketMessage({ state, local, remote, interrupted, sequence }: SocketSample = {}): Buffer {
  const bytes = Buffer.from(SOCKET, "hex");
  if (state !== undefined) bytes[STATE_AT] = state;
  if (local) {
    bytes[FAMILY_AT] = local[0].length === 4 ? 2 : 10;
    bytes.set(local[0], LOCAL_AT);
    bytes.writeUInt16BE(local[1], LOCAL_PORT_AT);
  }
  if (remote) {
    bytes.set(remote[0], REMOTE_AT);
    bytes.writeUInt16BE(remote[1], REMOTE_PORT_AT);
  }
  if (interrupted) bytes.writeUInt16LE(bytes.readUInt16LE(FLAGS_AT) | 0x10, FLAGS_AT);
  if (sequence !== undefined) bytes.writeUInt32LE(sequence, SEQUENCE_AT);
  return bytes;
}

/** The last message of a dump. `error`: of errno.h. */
export function doneMessage(error = 0): Buffer {
  const bytes = Buffer.from(DONE, "hex");
  bytes.writeInt32LE(-error, 16);
  return bytes;
}

/** What is sent instead of a dump. */
export function errorMessage(error: number): Buffer {
  const bytes = doneMessage(error);
  bytes.writeUInt16LE(2, 4);
  return bytes;
}

/**
 * A datagram that is echoed, with what the two ends put in it:
 *
 *   0 u32 number   4 server's name, zeros behind it   36 bytes that the number says
 */
export const DATAGRAM_BYTES = 20_000;
export const ECHO_PORT = 7;

const NAME_AT = 4;
const NAME_BYTES = 32;
const BODY_AT = NAME_AT + NAME_BYTES;

/** What a client sends. */
export function askingDatagram(number: number): Buffer {
  const bytes = Buffer.alloc(DATAGRAM_BYTES);
  bytes.writeUInt32BE(number);
  for (let at = BODY_AT; at < bytes.length; at++) bytes[at] = (number + at * 7) & 0xff;
  return bytes;
}

/** What the server sends back: the same, with its name. */
export function answeringDatagram(asking: Buffer, server: string): Buffer {
  const bytes = Buffer.from(asking);
  bytes.fill(0, NAME_AT, BODY_AT);
  bytes.write(server, NAME_AT, NAME_BYTES);
  return bytes;
}

export interface Answer {
  readonly number: number;
  readonly server: string;
}

/** null: it is not what a server makes of what a client has sent. */
export function readAnswer(bytes: Buffer): Answer | null {
  if (bytes.length !== DATAGRAM_BYTES) return null;
  const number = bytes.readUInt32BE();
  const isWhole = bytes.subarray(BODY_AT).equals(askingDatagram(number).subarray(BODY_AT));
  return isWhole ? { number, server: bytes.toString("latin1", NAME_AT, BODY_AT).replace(/\0+$/, "") } : null;
}

/** What the kernel answers to a dump request, datagram by datagram. Every length is checked. */
import { DobbsError } from "../errors.ts";
import { bytesToIp, IPV6_BYTES } from "../model/address.ts";
import type { HostSocket } from "../supervisor/environment.ts";
import * as format from "./diag-format.ts";

/** How a datagram has left the dump. `errno`: the kernel refused. */
export type Progress =
  | { readonly kind: "more" }
  | { readonly kind: "done" }
  | { readonly kind: "interrupted" }
  | { readonly kind: "refused"; readonly errno: number };

/** Gets an `inet_diag_msg`: `SOCKET_BYTES` in `bytes` from `at` on, valid only during the call. (No view of its own for
 *  each: with 10,000 sockets that is a fifth of the time.) */
export type OnSocket = (bytes: Buffer, at: number) => void;

const MORE: Progress = { kind: "more" };

/** Walks over the messages of one datagram. Those with another sequence belong to a dump that was given up. Throws
 *  E_SOCKETS_MESSAGE for one that is not what the kernel's headers say. */
export function readDatagram(bytes: Buffer, sequence: number, onSocket: OnSocket): Progress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const LE = format.LITTLE_ENDIAN;
  let interrupted = false;
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    if (left < format.MESSAGE_HEADER_BYTES) throw malformed(`${left} bytes where a message should begin`);
    const length = view.getUint32(at, LE);
    if (length < format.MESSAGE_HEADER_BYTES || length > left) {
      throw malformed(`a message of ${length} bytes where ${left} are left`);
    }
    if (view.getUint32(at + 8, LE) === sequence) {
      interrupted ||= (view.getUint16(at + 6, LE) & format.NLM_F_DUMP_INTR) !== 0;
      const progress = readMessage(view.getUint16(at + 4, LE), bytes, at + format.MESSAGE_HEADER_BYTES, at + length, onSocket);
      if (progress.kind === "done" && interrupted) return { kind: "interrupted" };
      if (progress.kind !== "more") return progress;
    }
    at += format.aligned(length);
  }
  return interrupted ? { kind: "interrupted" } : MORE;
}

/** The payload is in `bytes` from `at` to `end`. */
function readMessage(type: number, bytes: Buffer, at: number, end: number, onSocket: OnSocket): Progress {
  switch (type) {
    case format.SOCK_DIAG_BY_FAMILY:
      if (end - at < format.SOCKET_BYTES) throw malformed(`a socket in ${end - at} bytes`);
      onSocket(bytes, at);
      return MORE;
    case format.NLMSG_DONE:
      // An error number follows, but not from old kernels.
      return end - at < ERRNO_BYTES ? { kind: "done" } : outcome(bytes, at, { kind: "done" });
    case format.NLMSG_ERROR:
      if (end - at < ERRNO_BYTES) throw malformed(`an error in ${end - at} bytes`);
      return outcome(bytes, at, MORE);
    case format.NLMSG_OVERRUN:
      return { kind: "interrupted" };
    default:
      return MORE;
  }
}

/** Error numbers are negative on this way. */
function outcome(bytes: Buffer, at: number, fine: Progress): Progress {
  const error = format.LITTLE_ENDIAN ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
  return error === 0 ? fine : { kind: "refused", errno: -error };
}

const ERRNO_BYTES = 4;

const STATES: Readonly<Record<number, HostSocket["state"]>> = {
  [format.TCP_SYN_RECV]: "half-open",
  [format.TCP_NEW_SYN_RECV]: "half-open",
  [format.TCP_ESTABLISHED]: "established",
  [format.TCP_FIN_WAIT1]: "closing",
  [format.TCP_FIN_WAIT2]: "closing",
  [format.TCP_CLOSE_WAIT]: "closing",
  [format.TCP_LAST_ACK]: "closing",
  [format.TCP_CLOSING]: "closing",
  [format.TCP_TIME_WAIT]: "time-wait",
};

const STATE_AT = 1;
const LOCAL_PORT_AT = 4;
const REMOTE_PORT_AT = 6;
const LOCAL_ADDRESS_AT = 8;
const REMOTE_ADDRESS_AT = 24;
const ADDRESSES_END = 40;
/** ::ffff:0:0/96, the addresses of IPv4 connections of IPv6 sockets. */
const MAPPED_PREFIX = Buffer.from("00000000000000000000ffff", "hex");

/** Tells one connection from another, in fewer steps than a `HostSocket` takes. */
export function socketKey(bytes: Buffer, at: number): string {
  return bytes.toString("latin1", at + LOCAL_PORT_AT, at + ADDRESSES_END);
}

/** Null: one that was not asked for. */
export function socketState(bytes: Buffer, at: number): HostSocket["state"] | null {
  return STATES[bytes[at + STATE_AT]!] ?? null;
}

/** Null: in a state or of a family that was not asked for. */
export function decodeSocket(bytes: Buffer, at: number): HostSocket | null {
  const state = socketState(bytes, at);
  const family = bytes[at]!;
  if (state === null || (family !== format.AF_INET && family !== format.AF_INET6)) return null;
  return {
    client: address(bytes, at + REMOTE_ADDRESS_AT, family),
    clientPort: bytes.readUInt16BE(at + REMOTE_PORT_AT),
    vip: address(bytes, at + LOCAL_ADDRESS_AT, family),
    vipPort: bytes.readUInt16BE(at + LOCAL_PORT_AT),
    state,
  };
}

function address(bytes: Buffer, at: number, family: number): string {
  if (family === format.AF_INET) return ipv4(bytes, at);
  const v4At = at + MAPPED_PREFIX.length;
  if (bytes.compare(MAPPED_PREFIX, 0, MAPPED_PREFIX.length, at, v4At) === 0) return ipv4(bytes, v4At);
  return bytesToIp(bytes.subarray(at, at + IPV6_BYTES));
}

function ipv4(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function malformed(what: string): DobbsError {
  return new DobbsError(
    "E_SOCKETS_MESSAGE",
    `the kernel's socket dump is not as expected: ${what}`,
    "Report this with the output of `uname -r`: it is a fault in Dobbs, not in what you gave it.",
    1,
  );
}

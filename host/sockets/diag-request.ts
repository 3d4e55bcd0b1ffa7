/**
 * The question for a dump: TCP sockets of one family whose own address is a VIP. The kernel picks them by a little
 * program that goes with the question, so that the sockets of everything else on the host cost no copying.
 */
import { ipToBytes } from "../model/address.ts";
import * as format from "./diag-format.ts";

export type Family = "ipv4" | "ipv6";

/** Listeners and unconnected sockets are no connections; in SYN_SENT are those that the host itself opens, which it
 *  must not from a VIP. The kernel takes SYN_RECV for its lighter half-open kind (NEW_SYN_RECV) too. */
const STATES = [
  format.TCP_ESTABLISHED,
  format.TCP_SYN_RECV,
  format.TCP_FIN_WAIT1,
  format.TCP_FIN_WAIT2,
  format.TCP_TIME_WAIT,
  format.TCP_CLOSE_WAIT,
  format.TCP_LAST_ACK,
  format.TCP_CLOSING,
  format.TCP_NEW_SYN_RECV,
].reduce((bits, state) => bits | (1 << state), 0);

const INET_DIAG_REQ_BYTECODE = 1;
const BC_JUMP = 1;
const BC_LOCAL_ADDRESS = 7;
const OPERATION_BYTES = 4;
/** family, prefix length, port; then the address. */
const CONDITION_BYTES = 8;
const ANY_PORT = -1;
const ATTRIBUTE_HEADER_BYTES = 4;

/** One netlink message. `vips`: at least one, of which a socket of this family can have an address. */
export function dumpRequest(family: Family, vips: readonly string[], sequence: number): Uint8Array {
  const program = bytecode(vips);
  const attributesAt = format.MESSAGE_HEADER_BYTES + format.REQUEST_BYTES;
  const attribute = ATTRIBUTE_HEADER_BYTES + program.length;
  const bytes = new Uint8Array(attributesAt + format.aligned(attribute));
  const view = new DataView(bytes.buffer);
  const LE = format.LITTLE_ENDIAN;
  view.setUint32(0, bytes.length, LE);
  view.setUint16(4, format.SOCK_DIAG_BY_FAMILY, LE);
  view.setUint16(6, format.NLM_F_REQUEST | format.NLM_F_DUMP, LE);
  view.setUint32(8, sequence, LE);
  view.setUint8(format.MESSAGE_HEADER_BYTES, family === "ipv4" ? format.AF_INET : format.AF_INET6);
  view.setUint8(format.MESSAGE_HEADER_BYTES + 1, format.IPPROTO_TCP);
  view.setUint32(format.MESSAGE_HEADER_BYTES + 4, STATES, LE);
  view.setUint16(attributesAt, attribute, LE);
  view.setUint16(attributesAt + 2, INET_DIAG_REQ_BYTECODE, LE);
  bytes.set(program, attributesAt + ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** The families of which sockets can have one of these addresses. An IPv6 socket that is bound to no address takes
 *  IPv4 connections too (nginx's `listen [::]:80`): their addresses look like ::ffff:192.0.2.1. */
export function familiesOf(vips: readonly string[]): { family: Family; vips: string[] }[] {
  const ipv4 = vips.filter((vip) => !vip.includes(":"));
  const ipv6 = { family: "ipv6" as const, vips: [...vips] };
  return ipv4.length === 0 ? [ipv6] : [{ family: "ipv4" as const, vips: ipv4 }, ipv6];
}

/**
 * "The own address is one of these". An operation says how many bytes further to go on if it is so, and if not;
 * exactly at the end is yes, 4 bytes behind it is no. `yes` has one byte only, so each condition is followed by a jump
 * (which always takes its `no`) to the end:
 *
 *   operation   0 u8 code   1 u8 yes   2 u16 no
 *   condition   4 u8 family   5 u8 prefix   8 i32 port   12 address
 */
function bytecode(vips: readonly string[]): Uint8Array {
  const addresses = vips.map(ipToBytes);
  const sizes = addresses.map((address) => OPERATION_BYTES + CONDITION_BYTES + address.length);
  const total = sizes.reduce((sum, size) => sum + size + OPERATION_BYTES, 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  const LE = format.LITTLE_ENDIAN;
  let at = 0;
  addresses.forEach((address, index) => {
    const size = sizes[index]!;
    const next = at + size + OPERATION_BYTES;
    view.setUint8(at, BC_LOCAL_ADDRESS);
    view.setUint8(at + 1, size);
    view.setUint16(at + 2, next === total ? total + OPERATION_BYTES - at : next - at, LE);
    view.setUint8(at + 4, address.length === 4 ? format.AF_INET : format.AF_INET6);
    view.setUint8(at + 5, address.length * 8);
    view.setInt32(at + 8, ANY_PORT, LE);
    bytes.set(address, at + OPERATION_BYTES + CONDITION_BYTES);
    const jump = at + size;
    view.setUint8(jump, BC_JUMP);
    view.setUint8(jump + 1, OPERATION_BYTES);
    view.setUint16(jump + 2, total - jump, LE);
    at = next;
  });
  return bytes;
}

/**
 * MAC and IP addresses: text to bytes in network order and back. Strict: what is not in the one usual form is refused.
 */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { DobbsError } from "../errors.ts";

export const MAC_BYTES = 6;
export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;

const MAC_PATTERN = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
/** The I/G bit of the first byte: set in group addresses (multicast, broadcast). */
const MAC_GROUP_BIT = 0x01;
const IPV6_GROUPS = IPV6_BYTES / 2;

/** `02:d0:bb:00:00:01` -> 6 bytes. Throws E_ADDRESS_MAC. */
export function macToBytes(text: string): Uint8Array {
  if (!MAC_PATTERN.test(text)) {
    throw new DobbsError(
      "E_ADDRESS_MAC",
      `"${text}" is no MAC address`,
      "Write six bytes in hex, two digits each, with colons: 02:d0:bb:00:00:01.",
    );
  }
  return Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
}

/** 6 bytes -> `02:d0:bb:00:00:01`, in lower case. */
export function bytesToMac(bytes: Uint8Array): string {
  if (bytes.length !== MAC_BYTES) throw new RangeError(`a MAC address has ${MAC_BYTES} bytes, not ${bytes.length}`);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Whether `bytes` is a station's own address: no multicast, no broadcast, not all zero. */
export function isUnicastMac(bytes: Uint8Array): boolean {
  return (bytes[0]! & MAC_GROUP_BIT) === 0 && bytes.some((byte) => byte !== 0);
}

/** `192.0.2.1` -> 4 bytes, `2001:db8::1` -> 16 bytes. Throws E_ADDRESS_IP. */
export function ipToBytes(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (isIPv6(text) && !text.includes("%")) return ipv6ToBytes(text);
  throw new DobbsError(
    "E_ADDRESS_IP",
    `"${text}" is no IP address`,
    "Write an IPv4 address as 192.0.2.1 or an IPv6 address as 2001:db8::1, without prefix length, port or zone.",
  );
}

export type Family = 4 | 6;

/** Of a text that is an address. */
export function familyOf(text: string): Family {
  return text.includes(":") ? 6 : 4;
}

/** Of 4, or of any other number: of 6. */
export function addressBytes(family: number): number {
  return family === 4 ? IPV4_BYTES : IPV6_BYTES;
}

/** 4 bytes -> `192.0.2.1`, 16 bytes -> `2001:db8::1` in its shortest form. */
export function bytesToIp(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join(".");
  if (bytes.length !== IPV6_BYTES) throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, IPV6_BYTES);
  const groups = Array.from({ length: IPV6_GROUPS }, (_, i) => view.getUint16(i * 2).toString(16));
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address;
}

/** `text` has passed `isIPv6`, so what is left to do is to find what `::` and a dotted tail stand for. */
function ipv6ToBytes(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const [a, b, c, d] = dotted[2]!.split(".").map(Number) as [number, number, number, number];
    return ipv6ToBytes(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head, tail] = text.split("::", 2).map((part) => (part === "" ? [] : part.split(":")));
  const zeros = tail === undefined ? [] : Array<string>(IPV6_GROUPS - head!.length - tail.length).fill("0");
  const bytes = new Uint8Array(IPV6_BYTES);
  const view = new DataView(bytes.buffer);
  [...head!, ...zeros, ...(tail ?? [])].forEach((group, i) => view.setUint16(i * 2, parseInt(group, 16)));
  return bytes;
}

/** Whether an address is this host's: the kernel takes it for a socket then, be it an interface's or a local route's. */
import { closeSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { IPV4_BYTES, ipToBytes } from "../model/address.ts";
import * as format from "./diag-format.ts";
import { refused } from "./diag-socket.ts";
import * as libc from "./libc.ts";
import { inNetns } from "./netns.ts";

/** sockaddr_in: family, port (0: any), address, and as much again of nothing. */
const IPV4_PLACE = { family: format.AF_INET, bytes: 16, addressAt: 4 } as const;
/** sockaddr_in6: family, port, flow label, address, scope. */
const IPV6_PLACE = { family: format.AF_INET6, bytes: 28, addressAt: 8 } as const;

/** An address that no interface has; a kernel without IPv6, by the socket or by the address. */
const NOT_HERE = ["EADDRNOTAVAIL", "EAFNOSUPPORT"];

/** Whether one of these addresses belongs to the network namespace at `netns` (null: to this thread's own). Throws
 *  E_SOCKETS_*. */
export function hasAddress(netns: string | null, addresses: readonly string[]): boolean {
  const look = (): boolean => addresses.some(isLocal);
  try {
    return netns === null ? look() : inNetns(netns, look);
  } catch (error) {
    throw error instanceof libc.ErrnoError ? refused(error) : error;
  }
}

/** A namespace that never had an IPv4 address lets a socket have any. */
function hasIpv4(): boolean {
  return Object.values(networkInterfaces()).some((entries) => entries!.some(({ family }) => family === "IPv4"));
}

function isLocal(text: string): boolean {
  const address = ipToBytes(text);
  const isIpv4 = address.length === IPV4_BYTES;
  if (isIpv4 && !hasIpv4()) return false;
  const { family, bytes, addressAt } = isIpv4 ? IPV4_PLACE : IPV6_PLACE;
  const place = Buffer.alloc(bytes);
  if (format.LITTLE_ENDIAN) place.writeUInt16LE(family);
  else place.writeUInt16BE(family);
  place.set(address, addressAt);
  let fd = -1;
  try {
    fd = libc.socket(family, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0);
    libc.bind(fd, place, place.length);
    return true;
  } catch (error) {
    if (error instanceof libc.ErrnoError && NOT_HERE.includes(error.code)) return false;
    throw error;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

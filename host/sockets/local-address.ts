/** Whether an address is this host's: the kernel takes it for a socket then, be it an interface's or a local route's. */
import { closeSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { ipToBytes } from "../model/address.ts";
import * as format from "./diag-format.ts";
import { refused } from "./diag-socket.ts";
import * as libc from "./libc.ts";
import { inNetns } from "./netns.ts";

/** sockaddr_in: family, port (0: any), address, and as much again of nothing. */
const SOCKADDR_BYTES = 16;
const ADDRESS_AT = 4;

/** Whether one of these IPv4 addresses belongs to the network namespace at `netns` (null: to this thread's own). Throws
 *  E_SOCKETS_*. */
export function hasAddress(netns: string | null, addresses: readonly string[]): boolean {
  // A namespace that never had an IPv4 address lets a socket have any.
  const look = (): boolean => hasIpv4() && addresses.some(isLocal);
  try {
    return netns === null ? look() : inNetns(netns, look);
  } catch (error) {
    throw error instanceof libc.ErrnoError ? refused(error) : error;
  }
}

function hasIpv4(): boolean {
  return Object.values(networkInterfaces()).some((entries) => entries!.some(({ family }) => family === "IPv4"));
}

function isLocal(address: string): boolean {
  const place = Buffer.alloc(SOCKADDR_BYTES);
  if (format.LITTLE_ENDIAN) place.writeUInt16LE(format.AF_INET);
  else place.writeUInt16BE(format.AF_INET);
  place.set(ipToBytes(address), ADDRESS_AT);
  const fd = libc.socket(format.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0);
  try {
    libc.bind(fd, place, place.length);
    return true;
  } catch (error) {
    if (error instanceof libc.ErrnoError && error.code === "EADDRNOTAVAIL") return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

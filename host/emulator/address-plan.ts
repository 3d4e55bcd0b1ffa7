/**
 * Addresses of an emulated appliance: one flat network of each family, that of its VIPs. IPv4: a /16, and the third number
 * tells who it is. IPv6: a /64, and the number before the last tells it, in the same way:
 *
 * ```
 *   10.20.<who>.<number>    fd00:20::<who>:<number>
 *
 *   who  0           left to VIPs
 *        1..120      client sites
 *        126..245    the same sites: where their clients go on from when they roam
 *        254         hosts
 * ```
 */
import { addressBytes, bytesToIp, type Family, familyOf, ipToBytes } from "../model/address.ts";

export const FAMILIES: readonly Family[] = [4, 6];

export const SITES_MAX = 120;
/** From a site's number to that of its roaming clients. */
const ROAMING = 125;
const HOSTS = 254;

export const PREFIX_BITS: Readonly<Record<Family, number>> = { 4: 16, 6: 64 };
/** Locally administered; the last four bytes are the IPv4 address, so that captures are easy to read. */
const CLIENT_MAC_PREFIX = "02:c1";

/** One client, and the addresses that it has: of each family that the appliance has a VIP of. */
export interface ClientPlace {
  readonly mac: string;
  readonly addresses: Addresses;
  /** Where it goes on from when it roams. */
  readonly roaming: Addresses;
}

export type Addresses = Readonly<Partial<Record<Family, string>>>;

/** Whether the emulator gives out addresses like this one, in the network of that one itself. */
export function isInPlan(address: string): boolean {
  return whoOf(ipToBytes(address)) !== 0;
}

/** Whether both are in one network of the plan. */
export function areNeighbours(one: string, other: string): boolean {
  const family = familyOf(one);
  const bytes = PREFIX_BITS[family] / 8;
  const [a, b] = [ipToBytes(one), ipToBytes(other)].map((address) => address.subarray(0, bytes));
  return family === familyOf(other) && Buffer.compare(a!, b!) === 0;
}

/** Of host `number`, from 0 on: one for each of `vips`, which are of one family each. */
export function hostAddresses(vips: Addresses, number: number): Addresses {
  return eachFamily(vips, (vip) => inNetworkOf(vip, HOSTS, number + 1));
}

/** Client `number` at site `site`, both from 0 on. */
export function clientPlace(vips: Addresses, site: number, number: number): ClientPlace {
  const addresses = eachFamily(vips, (vip) => clientAddress(vip, site, number));
  const roaming = eachFamily(vips, (vip) => clientAddress(vip, site + ROAMING, number));
  return { mac: clientMac(addresses[4] ?? `0.0.${site + 1}.${number + 1}`), addresses, roaming };
}

/** Of the family of `vip`. */
export function clientAddress(vip: string, site: number, number: number): string {
  return inNetworkOf(vip, site + 1, number + 1);
}

/** `address`: IPv4. */
export function clientMac(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return `${CLIENT_MAC_PREFIX}:${bytes.join(":")}`;
}

function eachFamily(vips: Addresses, addressOf: (vip: string) => string): Addresses {
  const families = FAMILIES.filter((family) => vips[family] !== undefined);
  return Object.fromEntries(families.map((family) => [family, addressOf(vips[family]!)]));
}

/** `who` and `number` are the last two bytes (IPv4) or groups (IPv6). */
function inNetworkOf(vip: string, who: number, number: number): string {
  const bytes = ipToBytes(vip);
  bytes.fill(0, PREFIX_BITS[familyOf(vip)] / 8);
  bytes[whoPlace(bytes)] = who;
  bytes[bytes.length - 1] = number;
  return bytesToIp(bytes);
}

function whoOf(address: Uint8Array): number {
  return address[whoPlace(address)]!;
}

function whoPlace(address: Uint8Array): number {
  return address.length === addressBytes(4) ? 2 : 13;
}

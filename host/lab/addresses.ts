/**
 * The lab's addresses and names. One flat network a family; of an IPv4 address the third number tells who it is, of an IPv6 one
 * the last group but one: 0 the VIP, 1 and up clients, 254 hosts, 255 the router. Behind the router is another network.
 * Everything that outlives a process begins with `LAB_PREFIX`, so that what a killed lab has left can be told and removed.
 */
import { type Family, familyOf } from "../model/address.ts";

export const LAB_PREFIX = "dobbs-lab-";
export const FAMILIES: readonly Family[] = [4, 6];

export const VIPS: Readonly<Record<Family, string>> = { 4: "10.77.0.1", 6: "fd00:77::1" };
export const VIP = VIPS[4];
export const SERVICE_PORT = 80;
const PREFIX_BITS: Readonly<Record<Family, number>> = { 4: 16, 6: 64 };
/** Of the router, in the blades' network and in the one behind it. */
export const ROUTER_NEAR: Readonly<Record<Family, string>> = { 4: "10.77.255.1", 6: "fd00:77::ff:1" };
export const ROUTER_FAR: Readonly<Record<Family, string>> = { 4: "10.78.0.1", 6: "fd00:78::1" };
export const ROUTER_MAC = "02:d0:bb:00:02:01";
/** For addresses that nobody has (RFC 2544); the router takes what is sent to them, and drops it. */
export const NOBODYS = { network: "198.18.0.0/15", first: 0xc612_0000, last: 0xc613_ffff } as const;
/** Of the uplink, on the switches. Blade n has n + 1. */
export const UPLINK_PORT = 0;

const CLIENTS_A_ROUND = 64;
const CLIENTS_MAX = 1_000;
const HOSTS = 254;

export const SWITCH_NAMES = ["west", "east"] as const;
export type LabSwitchName = (typeof SWITCH_NAMES)[number];

/** In the order in which they join. */
export const BLADE_NAMES = ["dobbs-ferry", "ardsley", "irvington", "tarrytown"] as const;

export const FABRIC = `${LAB_PREFIX}fabric`;
export const CLIENTS = `${LAB_PREFIX}clients`;
export const ROUTER = `${LAB_PREFIX}router`;
/** Of the clients behind the router. */
export const REMOTE = `${LAB_PREFIX}remote`;

/** Namespace of a blade's NIC: its shim, ports `wire` and `host`. */
export function nicNamespace(blade: string): string {
  return `${LAB_PREFIX}${blade}-nic`;
}

/** Namespace of a blade's host: its TCP/IP stack, on `eth0`. */
export function hostNamespace(blade: string): string {
  return `${LAB_PREFIX}${blade}-host`;
}

/** Namespace of a switch, ports `up0`, `p1`... */
export function switchNamespace(name: LabSwitchName): string {
  return `${LAB_PREFIX}${name}`;
}

/** Interface of a switch's port. */
export function switchInterface(port: number): string {
  return port === UPLINK_PORT ? `up${port}` : `p${port}`;
}

/** Of blade `number`, from 0 on. */
export function bladePort(number: number): number {
  return UPLINK_PORT + 1 + number;
}

export function bladeMac(number: number): string {
  return `02:d0:bb:00:01:${hexByte(number + 1)}`;
}

/** The VIP that a client with this address speaks to. */
export function vipFor(client: string): string {
  return VIPS[familyOf(client)];
}

/** As in a URL, or before a port. */
export function inBrackets(address: string): string {
  return familyOf(address) === 6 ? `[${address}]` : address;
}

/** `10.77.1.4/16`: with the bits of its network. */
export function withPrefix(address: string): string {
  return `${address}/${PREFIX_BITS[familyOf(address)]}`;
}

/** `10.77.0.1/32`: of a host alone. */
export function alone(address: string): string {
  return `${address}/${familyOf(address) === 6 ? 128 : 32}`;
}

/** The address of a blade's host beside the VIP. */
export function hostAddress(number: number, family: Family = 4): string {
  return memberOf("near", family, HOSTS, number + 1);
}

/** Client addresses, spread over the last byte, which is the bucket with the hash `low-bits`. `network`: `far` is behind the router. */
export function clientAddresses(count: number, family: Family = 4, network: "near" | "far" = "near"): string[] {
  if (count > CLIENTS_MAX) throw new RangeError(`at most ${CLIENTS_MAX} clients`);
  return Array.from({ length: count }, (_, i) => {
    const round = Math.floor(i / CLIENTS_A_ROUND);
    return memberOf(network, family, 1 + round, (i % CLIENTS_A_ROUND) * 4 + (round % 4));
  });
}

function memberOf(network: "near" | "far", family: Family, group: number, member: number): string {
  const number = network === "near" ? 77 : 78;
  return family === 4 ? `10.${number}.${group}.${member}` : `fd00:${number}::${group.toString(16)}:${member.toString(16)}`;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

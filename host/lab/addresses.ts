/**
 * The lab's addresses and names. One flat /16; the third number tells who it is: 0 the VIP, 1 and up clients, 254 hosts.
 * Everything that outlives a process begins with `LAB_PREFIX`, so that what a killed lab has left can be told and removed.
 */

export const LAB_PREFIX = "dobbs-lab-";
export const VIP = "10.77.0.1";
export const SERVICE_PORT = 80;
export const PREFIX_BITS = 16;
/** Of the uplink, on the switches. Blade n has n + 1. */
export const UPLINK_PORT = 0;

const CLIENTS_A_ROUND = 64;
const CLIENTS_MAX = 1_000;

export const SWITCH_NAMES = ["west", "east"] as const;
export type LabSwitchName = (typeof SWITCH_NAMES)[number];

/** In the order in which they join. */
export const BLADE_NAMES = ["dobbs-ferry", "ardsley", "irvington", "tarrytown"] as const;

export const FABRIC = `${LAB_PREFIX}fabric`;
export const CLIENTS = `${LAB_PREFIX}clients`;

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

/** The address of a blade's host beside the VIP. */
export function hostAddress(number: number): string {
  return `10.77.254.${number + 1}`;
}

/** Client addresses, spread over the last byte, which is the bucket with the hash `low-bits`. */
export function clientAddresses(count: number): string[] {
  if (count > CLIENTS_MAX) throw new RangeError(`at most ${CLIENTS_MAX} clients`);
  return Array.from({ length: count }, (_, i) => {
    const round = Math.floor(i / CLIENTS_A_ROUND);
    return `10.77.${1 + round}.${(i % CLIENTS_A_ROUND) * 4 + (round % 4)}`;
  });
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

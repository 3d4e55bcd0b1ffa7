/**
 * Addresses of an emulated appliance: one flat /16, that of the VIP. The third number tells who it is: 0 is left to
 * VIPs, 1 to SITES_MAX are client sites, 254 is hosts.
 */

export const PREFIX_BITS = 16;
const HOSTS = 254;
export const SITES_MAX = 250;

/** Locally administered; the last four bytes are the IP address, so that captures are easy to read. */
const CLIENT_MAC_PREFIX = "02:c1";

/** Whether the emulator gives out addresses like this one. */
export function isInPlan(address: string): boolean {
  return address.split(".")[2] !== "0";
}

/** Of host `number`, from 0 on. */
export function hostAddress(vip: string, number: number): string {
  return `${network(vip)}.${HOSTS}.${number + 1}`;
}

/** Of client `number` at site `site`, both from 0 on. */
export function clientAddress(vip: string, site: number, number: number): string {
  return `${network(vip)}.${site + 1}.${number + 1}`;
}

export function clientMac(address: string): string {
  const bytes = address.split(".").map((number) => Number(number).toString(16).padStart(2, "0"));
  return `${CLIENT_MAC_PREFIX}:${bytes.join(":")}`;
}

/** `10.20` of `10.20.0.1`. */
function network(vip: string): string {
  return vip.split(".").slice(0, 2).join(".");
}

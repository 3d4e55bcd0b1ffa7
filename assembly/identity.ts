/** Who this node is: virtual IPs and MAC, local owners and the ports they are behind, the roles of ports. */
import { Identity, IdentityFlag, LocalOwner, NO_OWNER, Port, PortRole, Vip } from "./records";
import { LOCAL_OWNERS_MAX, PORTS_MAX, VIPS_MAX } from "./sizes";
import { mappedHigh } from "./wire/address";

export const VIPS: usize = memory.data(VIPS_MAX * offsetof<Vip>(), 16);
export const LOCAL_OWNERS: usize = memory.data(LOCAL_OWNERS_MAX * offsetof<LocalOwner>(), 16);
export const PORTS: usize = memory.data(PORTS_MAX * offsetof<Port>(), 16);

/** The addresses of `VIPS` as packets are compared with them: 16 bytes each. */
const VIP_KEYS: usize = memory.data(VIPS_MAX * 16, 16);
/** "None of our virtual IPs", where an index of one is asked for. */
export const NO_VIP: u32 = 0xff;

let vmac: u64 = 0;
let vipCount: u32 = 0;
let localOwnerCount: u32 = 0;
let portCount: u32 = 0;
let flags: u32 = 0;
let halfOpenShare: u32 = 0;

const HALF_OPEN_SHARE_DEFAULT: u32 = 50;
export const FAMILY_IPV4: u32 = 4;
export const FAMILY_IPV6: u32 = 6;

/** Takes an identity's header into use; the records are copied by the caller. */
export function setIdentity(identity: Identity): void {
  vmac = <u64>identity.vmac | (<u64>identity.vmacHigh << 32);
  vipCount = identity.vips;
  localOwnerCount = identity.localOwners;
  portCount = identity.ports;
  flags = identity.flags;
  halfOpenShare = identity.halfOpenShare ? identity.halfOpenShare : HALF_OPEN_SHARE_DEFAULT;
  for (let i: u32 = 0; i < VIPS_MAX; i++) {
    if (i >= vipCount) break;
    const vip = vipAt(i);
    const isIpv4 = vip.family == FAMILY_IPV4;
    store<u64>(VIP_KEYS + i * 16, isIpv4 ? 0 : vip.address);
    store<u64>(VIP_KEYS + i * 16, isIpv4 ? mappedHigh(<u32>vip.address) : vip.addressHigh, 8);
  }
}

export function vips(): u32 {
  return vipCount;
}

// @ts-ignore: decorator
@inline
export function vipAt(index: u32): Vip {
  return changetype<Vip>(VIPS + index * offsetof<Vip>());
}

/** The virtual MAC, 0 before the first identity. */
// @ts-ignore: decorator
@inline
export function virtualMac(): u64 {
  return vmac;
}

// @ts-ignore: decorator
@inline
export function hasIdentity(): bool {
  return vmac != 0;
}

// @ts-ignore: decorator
@inline
export function isRedirectOff(): bool {
  return (flags & IdentityFlag.REDIRECT_OFF) != 0;
}

/** Whether a host here may have SYN cookies out. */
export function sendsCookies(): bool {
  return (flags & IdentityFlag.COOKIES) != 0;
}

/** Percent of a flow-table set that half-open flows may take. */
export function halfOpenPercent(): u32 {
  return halfOpenShare;
}

/** Index of one of our virtual IPs (`wire/address.ts`), or NO_VIP. */
export function vipIndex(low: u64, high: u64): u32 {
  for (let i: u32 = 0; i < VIPS_MAX; i++) {
    if (i >= vipCount) break;
    if (load<u64>(VIP_KEYS + i * 16) == low && load<u64>(VIP_KEYS + i * 16, 8) == high) return i;
  }
  return NO_VIP;
}

export function localOwners(): u32 {
  return localOwnerCount;
}

// @ts-ignore: decorator
@inline
export function localOwnerAt(index: u32): LocalOwner {
  return changetype<LocalOwner>(LOCAL_OWNERS + index * offsetof<LocalOwner>());
}

// @ts-ignore: decorator
@inline
export function macOf(owner: LocalOwner): u64 {
  return <u64>owner.mac | (<u64>owner.macHigh << 32);
}

/** Index of the local owner with this MAC, or -1. */
export function localOwnerByMac(mac: u64): i32 {
  for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
    if (i >= localOwnerCount) break;
    const owner = localOwnerAt(i);
    if (macOf(owner) == mac && owner.owner != NO_OWNER) return i;
  }
  return -1;
}

/** Index of the local owner behind a host port, or -1. */
export function localOwnerByPort(port: u32): i32 {
  for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
    if (i >= localOwnerCount) break;
    const owner = localOwnerAt(i);
    if (owner.port == port && owner.owner != NO_OWNER) return i;
  }
  return -1;
}

/** Ports from 0 to here may be up. */
export function ports(): u32 {
  return portCount;
}

/** `PortRole` of a port; SHUT for one that does not exist. */
// @ts-ignore: decorator
@inline
export function roleOf(port: u32): u32 {
  if (port >= portCount) return PortRole.SHUT;
  return changetype<Port>(PORTS + port * offsetof<Port>()).role;
}

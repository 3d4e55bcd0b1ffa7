/** Who this node is: virtual IPs and MAC, local owners and the ports they are behind, the roles of ports. */
import { Identity, IdentityFlag, LocalOwner, NO_OWNER, Port, PortRole, Vip } from "./records";
import { LOCAL_OWNERS_MAX, PORTS_MAX, VIPS_MAX } from "./sizes";

export const VIPS: usize = memory.data(VIPS_MAX * offsetof<Vip>(), 16);
export const LOCAL_OWNERS: usize = memory.data(LOCAL_OWNERS_MAX * offsetof<LocalOwner>(), 16);
export const PORTS: usize = memory.data(PORTS_MAX * offsetof<Port>(), 16);

let vmac: u64 = 0;
let vipCount: u32 = 0;
let localOwnerCount: u32 = 0;
let portCount: u32 = 0;
let flags: u32 = 0;
let halfOpenShare: u32 = 0;

const HALF_OPEN_SHARE_DEFAULT: u32 = 50;
const FAMILY_IPV4: u32 = 4;

/** Takes an identity's header into use; the records are copied by the caller. */
export function setIdentity(identity: Identity): void {
  vmac = <u64>identity.vmac | (<u64>identity.vmacHigh << 32);
  vipCount = identity.vips;
  localOwnerCount = identity.localOwners;
  portCount = identity.ports;
  flags = identity.flags;
  halfOpenShare = identity.halfOpenShare ? identity.halfOpenShare : HALF_OPEN_SHARE_DEFAULT;
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

/** Percent of a flow-table set that half-open flows may take. */
export function halfOpenPercent(): u32 {
  return halfOpenShare;
}

/** Whether `address` (network order) is one of our virtual IPv4 addresses. */
export function isVip(address: u32): bool {
  for (let i: u32 = 0; i < VIPS_MAX; i++) {
    if (i >= vipCount) break;
    const vip = changetype<Vip>(VIPS + i * offsetof<Vip>());
    if (<u32>vip.address == address && vip.family == FAMILY_IPV4) return true;
  }
  return false;
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

/** Table IDENTITY: checks the staged table, puts it in force. */
import { Status } from "../messages";
import { buckets, generation, setLocalIndex, stateOf } from "../buckets";
import { loseCookie, setCookies } from "../cookies";
import { flush } from "../flows";
import { dropLists } from "../handover";
import { isHash, setHash } from "../hash";
import { LOCAL_OWNERS, PORTS, VIPS, hasIdentity, localOwnerAt, localOwners, ports, setIdentity, vipAt, vips } from "../identity";
import { HashMode, IdentityFlag, LocalOwner, NO_OWNER, Port, PortRole, Identity, Vip } from "../records";
import { BUCKETS_MAX, LOCAL_OWNERS_MAX, OWNERS_MAX, PORTS_MAX, VIPS_MAX } from "../sizes";
import { isMapped } from "../wire/address";
import { refuse } from "./envelope";
import { isStationMac } from "./mac";
import { STAGE, staged } from "./stage";

const HEADER: u32 = <u32>offsetof<Identity>();
const PERCENT_MAX: u32 = 100;

/** Returns whether virtual IPs, local owners or ports have changed by it. */
export function commitIdentity(now: u32): bool {
  if (staged() < HEADER) return refused(Status.BAD_TABLE, HEADER);
  const identity = changetype<Identity>(STAGE);
  if (identity.localOwners > LOCAL_OWNERS_MAX) return refused(Status.TOO_MANY_RECORDS, LOCAL_OWNERS_MAX);
  if (identity.vips > VIPS_MAX) return refused(Status.TOO_MANY_RECORDS, VIPS_MAX);
  if (identity.ports > PORTS_MAX) return refused(Status.TOO_MANY_RECORDS, PORTS_MAX);
  const ownersAt = HEADER;
  const vipsAt = ownersAt + identity.localOwners * <u32>offsetof<LocalOwner>();
  const portsAt = vipsAt + identity.vips * <u32>offsetof<Vip>();
  const bytes = portsAt + identity.ports * <u32>offsetof<Port>();
  if (staged() != bytes) return refused(Status.BAD_TABLE, bytes);

  const vmac = <u64>identity.vmac | (<u64>identity.vmacHigh << 32);
  if (!isStationMac(vmac) || !isHashMode(identity.hash) || identity.halfOpenShare > PERCENT_MAX) return refused(Status.BAD_RECORD, 0);
  if (identity.flags & ~(IdentityFlag.REDIRECT_OFF | IdentityFlag.COOKIES)) return refused(Status.BAD_RECORD, 0);
  const cookies = (identity.flags & IdentityFlag.COOKIES) != 0;
  if (!cookies && identity.cookiesSince != 0) return refused(Status.BAD_RECORD, 0);
  const sameHash = isHash(identity.hash, identity.seed, identity.seedHigh);
  if (hasIdentity() && generation() != 0 && !sameHash) return refused(Status.NOT_IN_SERVICE, generation());

  for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
    if (i >= identity.localOwners) break;
    const owner = changetype<LocalOwner>(STAGE + ownersAt + i * <u32>offsetof<LocalOwner>());
    if (!isLocalOwner(owner, identity.ports) || isDuplicate(ownersAt, i)) return refused(Status.BAD_RECORD, i);
  }
  for (let i: u32 = 0; i < VIPS_MAX; i++) {
    if (i >= identity.vips) break;
    if (!isVipRecord(changetype<Vip>(STAGE + vipsAt + i * <u32>offsetof<Vip>()))) return refused(Status.BAD_RECORD, i);
  }
  for (let i: u32 = 0; i < PORTS_MAX; i++) {
    if (i >= identity.ports) break;
    const port = changetype<Port>(STAGE + portsAt + i * <u32>offsetof<Port>());
    if (!isPortRole(port.role)) return refused(Status.BAD_RECORD, i);
  }

  if (!sameHash) setHash(identity.hash, identity.seed, identity.seedHigh);
  const moved = movesPlaces(STAGE + ownersAt, STAGE + vipsAt, STAGE + portsAt, identity);
  replaceLocalOwners(STAGE + ownersAt, identity.localOwners, now);
  if (movesVips(STAGE + vipsAt, identity.vips)) for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) flushOwner(i, now);
  memory.copy(VIPS, STAGE + vipsAt, identity.vips * <u32>offsetof<Vip>());
  memory.copy(PORTS, STAGE + portsAt, identity.ports * <u32>offsetof<Port>());
  setIdentity(identity);
  setCookies(cookies, identity.cookiesSince, now);
  return moved;
}

function refused(status: u32, detail: u32): bool {
  refuse(status, detail);
  return false;
}

/** Whether virtual IPs, local owners or ports are not what they were. */
function movesPlaces(ownersAt: usize, vipsAt: usize, portsAt: usize, identity: Identity): bool {
  if (identity.localOwners != localOwners() || identity.vips != vips() || identity.ports != ports()) return true;
  return (
    memory.compare(LOCAL_OWNERS, ownersAt, localOwners() * offsetof<LocalOwner>()) != 0 ||
    memory.compare(VIPS, vipsAt, vips() * offsetof<Vip>()) != 0 ||
    memory.compare(PORTS, portsAt, ports() * offsetof<Port>()) != 0
  );
}

/** Whether an index would stand for another virtual IP than before, or for none: rows name theirs by index. */
function movesVips(from: usize, count: u32): bool {
  for (let i: u32 = 0; i < VIPS_MAX; i++) {
    if (i >= vips()) break;
    if (i >= count) return true;
    if (memory.compare(changetype<usize>(vipAt(i)), from + i * offsetof<Vip>(), offsetof<Vip>()) != 0) return true;
  }
  return false;
}

function isHashMode(mode: u32): bool {
  return mode == HashMode.LOW_BITS || mode == HashMode.TOEPLITZ || mode == HashMode.MIX;
}

function isPortRole(role: u32): bool {
  return role == PortRole.SHUT || role == PortRole.UPLINK || role == PortRole.FABRIC || role == PortRole.HOST;
}

/** An index whose owner is NO_OWNER is a place kept free. */
function isLocalOwner(owner: LocalOwner, ports: u32): bool {
  if (owner.reserved0 | owner.reserved1) return false;
  if (owner.owner == NO_OWNER) return true;
  const mac = <u64>owner.mac | (<u64>owner.macHigh << 32);
  return owner.owner < OWNERS_MAX && owner.port > 0 && owner.port < ports && isStationMac(mac);
}

/** Whether an earlier local owner has the same number, MAC or port. */
function isDuplicate(ownersAt: u32, index: u32): bool {
  const owner = changetype<LocalOwner>(STAGE + ownersAt + index * <u32>offsetof<LocalOwner>());
  if (owner.owner == NO_OWNER) return false;
  for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
    if (i >= index) break;
    const other = changetype<LocalOwner>(STAGE + ownersAt + i * <u32>offsetof<LocalOwner>());
    if (other.owner == NO_OWNER) continue;
    if (other.owner == owner.owner || other.port == owner.port) return true;
    if (other.mac == owner.mac && other.macHigh == owner.macHigh) return true;
  }
  return false;
}

function isVipRecord(vip: Vip): bool {
  if (vip.reserved0 | vip.reserved1 || vip.reserved2) return false;
  if (vip.family == 4) return vip.address != 0 && vip.address >>> 32 == 0 && vip.addressHigh == 0;
  return vip.family == 6 && (vip.address | vip.addressHigh) != 0 && !isMapped(vip.address, vip.addressHigh);
}

/** Where another owner takes a local index, the rows there are not its own. */
function replaceLocalOwners(from: usize, count: u32, now: u32): void {
  for (let i: u32 = 0; i < OWNERS_MAX; i++) setLocalIndex(i, -1);
  const before = localOwners();
  for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
    const was = i < before ? <u32>localOwnerAt(i).owner : NO_OWNER;
    let is: u32 = NO_OWNER;
    if (i < count) {
      memory.copy(changetype<usize>(localOwnerAt(i)), from + i * offsetof<LocalOwner>(), offsetof<LocalOwner>());
      is = localOwnerAt(i).owner;
      setLocalIndex(is, i);
    }
    if (was != NO_OWNER && was != is) flushOwner(i, now);
  }
}

/** Its lists are not its own either; and those of others may name virtual IPs by indexes that have changed. */
function flushOwner(local: u32, now: u32): void {
  dropLists();
  for (let bucket: u32 = 0; bucket < BUCKETS_MAX; bucket++) {
    if (bucket >= buckets()) break;
    const state = stateOf(bucket, local);
    if (state.rows > 0) loseCookie(state, now);
    flush(state);
    state.flags = 0;
  }
}

/**
 * The ABI, continued: records of tables (`Table` in `messages.ts`). Conventions as in `abi.ts`.
 */

const W1: i32 = 1 << 16;
const W2: i32 = 2 << 16;
const W4: i32 = 4 << 16;
const W6: i32 = 6 << 16;
const W15: i32 = 15 << 16;
const W16: i32 = 16 << 16;

/** Owners of a bucket that are remembered: the current one and three previous ones. */
export const HISTORY_DEPTH: u32 = 4;
/** "No owner" in a bucket's history. */
export const NO_OWNER: u32 = 0xffff;

// ---------------------------------------------------------------------------------------------------------------
// Table IDENTITY: who this node is. Header, then local owners, VIPs, ports.
// ---------------------------------------------------------------------------------------------------------------

export enum HashMode {
  /** The low bits of the client's address, in host order: the patent's example, and what any TCAM can match. */
  LOW_BITS = 1,
  /** Microsoft RSS over (client address, VIP of zeros): Toeplitz with `seed` repeated to 40 bytes. */
  TOEPLITZ = 2,
  /** A keyed multiply-fold mix; the default. */
  MIX = 3,
}

export enum IdentityFlag {
  /** Send nothing to other owners: for showing what redirection is worth. */
  REDIRECT_OFF = 1,
  /** A host here has sent SYN cookies in the last COOKIE_MS. */
  COOKIES = 2,
}

/** `seed` is secret: 16 bytes that key the bucket hash and the flow hash. The bucket hash must be the same on all
 *  nodes of an appliance. */
@unmanaged
export class Identity {
  vmac: u32;
  vmacHigh: u16;
  /** `HashMode`. */
  hash: u8;
  /** `IdentityFlag`s. */
  flags: u8;
  seed: u64;
  seedHigh: u64;
  localOwners: u16;
  vips: u16;
  ports: u16;
  /** Percent of a flow-table set that half-open flows may take; 0 for the default of 50. */
  halfOpenShare: u8;
  /** With COOKIES: none that was sent longer ago than so many seconds can be out; 255: nobody knows. Else 0. */
  cookiesSince: u8;
}

export enum IdentityField {
  SIZE = offsetof<Identity>(),
  vmac = offsetof<Identity>("vmac") | W6,
  hash = offsetof<Identity>("hash") | W1,
  flags = offsetof<Identity>("flags") | W1,
  seed = offsetof<Identity>("seed") | W16,
  localOwners = offsetof<Identity>("localOwners") | W2,
  vips = offsetof<Identity>("vips") | W2,
  ports = offsetof<Identity>("ports") | W2,
  halfOpenShare = offsetof<Identity>("halfOpenShare") | W1,
  cookiesSince = offsetof<Identity>("cookiesSince") | W1,
}

/** An owner on this blade: its number in the assignment's owner table, its MAC, the host port it is behind. */
@unmanaged
export class LocalOwner {
  mac: u32;
  macHigh: u16;
  owner: u16;
  port: u8;
  reserved0: u8;
  reserved1: u16;
}

export enum LocalOwnerField {
  SIZE = offsetof<LocalOwner>(),
  mac = offsetof<LocalOwner>("mac") | W6,
  owner = offsetof<LocalOwner>("owner") | W2,
  port = offsetof<LocalOwner>("port") | W1,
  reserved0 = offsetof<LocalOwner>("reserved0") | W1,
  reserved1 = offsetof<LocalOwner>("reserved1") | W2,
}

/** A virtual IP. IPv4 addresses take the first 4 bytes of `address`, the others are zero. */
@unmanaged
export class Vip {
  address: u64;
  addressHigh: u64;
  /** 4 or 6. */
  family: u8;
  reserved0: u8;
  reserved1: u16;
  reserved2: u32;
}

export enum VipField {
  SIZE = offsetof<Vip>(),
  address = offsetof<Vip>("address") | W16,
  family = offsetof<Vip>("family") | W1,
  reserved0 = offsetof<Vip>("reserved0") | W1,
  reserved1 = offsetof<Vip>("reserved1") | W2,
  reserved2 = offsetof<Vip>("reserved2") | W4,
}

export enum PortRole {
  /** No such port, or fenced. */
  SHUT = 0,
  /** Towards clients: a redirect tag from here is not believed. */
  UPLINK = 1,
  /** Towards a blade (switch), or the wire (blade, port 0). */
  FABRIC = 2,
  /** Towards a host or a VM of this blade. */
  HOST = 3,
}

@unmanaged
export class Port {
  /** `PortRole`. */
  role: u8;
}

export enum PortField {
  SIZE = offsetof<Port>(),
  role = offsetof<Port>("role") | W1,
}

// ---------------------------------------------------------------------------------------------------------------
// Table ASSIGNMENT: header, then owners (an owner's number is its index), then buckets.
// ---------------------------------------------------------------------------------------------------------------

@unmanaged
export class Assignment {
  generation: u32;
  buckets: u32;
  owners: u16;
  reserved0: u16;
  reserved1: u32;
}

export enum AssignmentField {
  SIZE = offsetof<Assignment>(),
  generation = offsetof<Assignment>("generation") | W4,
  buckets = offsetof<Assignment>("buckets") | W4,
  owners = offsetof<Assignment>("owners") | W2,
  reserved0 = offsetof<Assignment>("reserved0") | W2,
  reserved1 = offsetof<Assignment>("reserved1") | W4,
}

@unmanaged
export class Owner {
  mac: u32;
  macHigh: u16;
  /** The switch's port of the blade that has this owner. */
  port: u16;
}

export enum OwnerField {
  SIZE = offsetof<Owner>(),
  mac = offsetof<Owner>("mac") | W6,
  port = offsetof<Owner>("port") | W2,
}

/** History of a bucket: the current owner and the previous ones, newest first, each once, NO_OWNER behind the last. */
@unmanaged
export class Bucket {
  p0: u16;
  p1: u16;
  p2: u16;
  p3: u16;
}

export enum BucketField {
  SIZE = offsetof<Bucket>(),
  p0 = offsetof<Bucket>("p0") | W2,
  p1 = offsetof<Bucket>("p1") | W2,
  p2 = offsetof<Bucket>("p2") | W2,
  p3 = offsetof<Bucket>("p3") | W2,
}

// ---------------------------------------------------------------------------------------------------------------
// Tables FILTER, FORWARD, ROLE
// ---------------------------------------------------------------------------------------------------------------

export enum FilterAction {
  ALLOW = 1,
  DROP = 2,
}

/** An L2 filter rule: matches where `(destination & destinationMask) == destination`, the same for the source, and
 *  the ethertype (behind VLAN tags; 0: any) and ingress port (ANY_PORT: any) are the same. First match wins. */
@unmanaged
export class FilterRule {
  destination: u32;
  destinationHigh: u16;
  destinationMask: u16;
  destinationMaskHigh: u32;
  source: u32;
  sourceHigh: u16;
  sourceMask: u16;
  sourceMaskHigh: u32;
  /** Host order, e.g. 0x0806. */
  ethertype: u16;
  port: u8;
  /** `FilterAction`. */
  action: u8;
}

export const ANY_PORT: u32 = 0xff;

export enum FilterRuleField {
  SIZE = offsetof<FilterRule>(),
  destination = offsetof<FilterRule>("destination") | W6,
  destinationMask = offsetof<FilterRule>("destinationMask") | W6,
  source = offsetof<FilterRule>("source") | W6,
  sourceMask = offsetof<FilterRule>("sourceMask") | W6,
  ethertype = offsetof<FilterRule>("ethertype") | W2,
  port = offsetof<FilterRule>("port") | W1,
  action = offsetof<FilterRule>("action") | W1,
}

/** A station behind a port: of a host or VM that is no owner (blade), or a static one (switch). */
@unmanaged
export class ForwardEntry {
  mac: u32;
  macHigh: u16;
  port: u8;
  reserved: u8;
}

export enum ForwardEntryField {
  SIZE = offsetof<ForwardEntry>(),
  mac = offsetof<ForwardEntry>("mac") | W6,
  port = offsetof<ForwardEntry>("port") | W1,
  reserved = offsetof<ForwardEntry>("reserved") | W1,
}

export enum SwitchRole {
  STANDBY = 1,
  ACTIVE = 2,
}

@unmanaged
export class Role {
  /** `SwitchRole`. */
  role: u8;
}

export enum RoleField {
  SIZE = offsetof<Role>(),
  role = offsetof<Role>("role") | W1,
}

// ---------------------------------------------------------------------------------------------------------------
// Table SERVICE
// ---------------------------------------------------------------------------------------------------------------

/** Whose packets are whose, of protocols without connections. */
export enum ServiceClass {
  /** Always the current owner's: each packet stands for itself. */
  NONE = 0,
  /** Packets between the same addresses and ports are of one flow, which stays with the host that has it. */
  FLOW = 1,
  /** QUIC: packets are those of the owner that their connection id names; what names none is treated as FLOW. Only of UDP. */
  CID = 2,
}

/** A service of the virtual IPs, in another protocol than TCP. */
@unmanaged
export class Service {
  /** In network order; 0: any, and of protocols without ports. */
  port: u16;
  /** IP protocol number. */
  protocol: u8;
  /** Index of the virtual IP, or ANY_VIP. */
  vip: u8;
  /** `ServiceClass`. */
  serviceClass: u8;
  reserved0: u8;
  reserved1: u16;
  /** A flow that was not touched for this many ms is over. */
  idleMs: u32;
  /** The same while the host has sent nothing of it. */
  provisionalMs: u32;
}

export const ANY_VIP: u32 = 0xff;

export enum ServiceField {
  SIZE = offsetof<Service>(),
  port = offsetof<Service>("port") | W2,
  protocol = offsetof<Service>("protocol") | W1,
  vip = offsetof<Service>("vip") | W1,
  serviceClass = offsetof<Service>("serviceClass") | W1,
  reserved0 = offsetof<Service>("reserved0") | W1,
  reserved1 = offsetof<Service>("reserved1") | W2,
  idleMs = offsetof<Service>("idleMs") | W4,
  provisionalMs = offsetof<Service>("provisionalMs") | W4,
}

// ---------------------------------------------------------------------------------------------------------------
// Table CID: how QUIC connection ids name servers. Header, then configurations, then server ids.
// ---------------------------------------------------------------------------------------------------------------

@unmanaged
export class CidTable {
  configs: u16;
  serverIds: u16;
  reserved: u32;
}

export enum CidTableField {
  SIZE = offsetof<CidTable>(),
  configs = offsetof<CidTable>("configs") | W2,
  serverIds = offsetof<CidTable>("serverIds") | W2,
  reserved = offsetof<CidTable>("reserved") | W4,
}

export enum CidFlag {
  /** Server id and nonce are encrypted by `key`. */
  ENCRYPTED = 1,
}

/** How connection ids of one configuration are laid out (draft-ietf-quic-load-balancers-21). In ascending order of `config`. */
@unmanaged
export class CidConfig {
  /** 0 to 6: the upper three bits of a connection id. */
  config: u8;
  /** 1 to 15. */
  serverIdBytes: u8;
  /** 4 and up; with the server id at most 19. */
  nonceBytes: u8;
  /** `CidFlag`s. */
  flags: u8;
  reserved: u32;
  /** Of AES-128; zeros where nothing is encrypted. */
  key: u64;
  keyHigh: u64;
}

export enum CidConfigField {
  SIZE = offsetof<CidConfig>(),
  config = offsetof<CidConfig>("config") | W1,
  serverIdBytes = offsetof<CidConfig>("serverIdBytes") | W1,
  nonceBytes = offsetof<CidConfig>("nonceBytes") | W1,
  flags = offsetof<CidConfig>("flags") | W1,
  reserved = offsetof<CidConfig>("reserved") | W4,
  key = offsetof<CidConfig>("key") | W16,
}

/** An owner's server id in one configuration. In ascending order of `key` and `keyHigh` as numbers. */
@unmanaged
export class ServerId {
  /** Of the owner. */
  mac: u32;
  macHigh: u16;
  /** The image's note of the owner's number; 0 in a PUT. */
  owner: u16;
  /** The configuration in the first byte, then the server id, zeros behind it. */
  key: u64;
  keyHigh: u64;
}

export enum ServerIdField {
  SIZE = offsetof<ServerId>(),
  mac = offsetof<ServerId>("mac") | W6,
  owner = offsetof<ServerId>("owner") | W2,
  config = offsetof<ServerId>("key") | W1,
  id = (offsetof<ServerId>("key") + 1) | W15,
}

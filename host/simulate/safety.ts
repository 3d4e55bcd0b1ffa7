/**
 * What must hold at every frame, looked at from outside. A connection is protected while a host has a live socket for it and
 * that host's blade lives and is not declared failed: until then no other host may answer one of its segments, and no RST may
 * end it.
 */
import type { VirtualClock } from "../emulator/clock.ts";
import { bytesToMac } from "../model/address.ts";
import type { Assignment } from "../model/assignment.ts";
import { displaced } from "../supervisor/succession.ts";
import type { ApplianceState } from "../supervisor/state.ts";
import type { Host } from "./host.ts";
import type { ImageNode } from "./image-node.ts";
import type { Parcel } from "./parcel.ts";
import type { Quote } from "./icmp.ts";
import type { NeighbourFlow } from "./neighbour-flow.ts";
import type { Neighbour } from "./neighbour-packet.ts";
import { tupleKey, type End } from "./packet.ts";
import { ACK, flagsText, RST, type Segment, type TcpFields } from "./segment.ts";
import type { TcpFlow } from "./tcp-flow.ts";
import { QuicFlow } from "./quic-flow.ts";
import { cidText, type QuicConnection } from "./quic-connections.ts";
import type { QuicFields, QuicPacket } from "./quic-packet.ts";
import { TunnelFlow } from "./tunnel-flow.ts";
import type { Tunnel } from "./tunnels.ts";
import type { Datagram, DatagramFields } from "./datagram.ts";
import type { Ending, TcpSocket } from "./tcp-socket.ts";

/** Redirects of one frame (design, section 4): a resteer, three hops, a final. */
const REDIRECTS_MAX = 5;
/** Initial sequence numbers of the same tuple are so far apart: a segment tells which connection it belongs to. */
export const ISN_STEP = 1 << 24;
/** How far before its initial sequence number a connection's own segments begin: a probe's does. */
const BEFORE = 2;
/** More violations than this are as good as these. */
const VIOLATIONS_MAX = 20;

export type ViolationKind =
  /** A host that does not have the connection has answered with RST. */
  | "reset"
  /** A host that does not have the connection has answered as if it had. */
  | "wrong-host"
  /** A VIP was said to be where it is not, or by a blade that has no say. */
  | "wrong-neighbour"
  | "redirects"
  /** A byte has changed. */
  | "corrupt"
  /** Both ends are done, and something has not arrived. */
  | "payload-lost"
  | "miscount"
  /** A blade was let go offline, with connections that nobody has said are cut. */
  | "offline-live"
  /** Nothing fails any more, and a connection does not come to its end. */
  | "stuck"
  /** Nothing fails any more, and the appliance does not come to rest. */
  | "unsettled"
  /** A manager has thrown. */
  | "exception";

export interface Violation {
  readonly kind: ViolationKind;
  readonly atUs: number;
  /** Null: it is none of one flow. */
  readonly flow: number | null;
  readonly what: string;
}

/** What a flow is here. */
type Flow = TcpFlow | TunnelFlow | QuicFlow;

interface Place {
  readonly host: Host;
  readonly socket: TcpSocket | Tunnel | QuicConnection;
}

export class Safety {
  readonly violations: Violation[] = [];
  /** Blades that were declared failed while they were alive. */
  falseDeclarations = 0;
  readonly #clock: VirtualClock;
  readonly #byTuple = new Map<number, TcpFlow[]>();
  readonly #tunnels = new Map<number, TunnelFlow>();
  /** By number. */
  readonly #quic = new Map<number, QuicFlow>();
  /** Whose they are, by connection id. */
  readonly #named = new Map<string, QuicFlow>();
  readonly #places = new Map<Flow, Place[]>();
  /** Flows whose loss is nobody's fault, or announced. */
  readonly #lost = new Set<Flow>();
  readonly #declared = new Set<string>();
  /** By blade that was declared failed, or cut: when it came back. */
  readonly #backAt = new Map<string, number>();
  /** Blades that the switches keep from everyone: their hosts' answers reach nobody. */
  #fenced: ReadonlySet<string> = new Set();
  /** Connections of which a host has said that it has none, before one had it: SYN cookies, overtaken by what comes behind. */
  readonly #refusedEarly = new Set<TcpFlow>();
  readonly #isAlive: (blade: string) => boolean;
  readonly #bucketOf: (client: End) => number;
  readonly #forgotten: (blade: string) => number;
  /** By blade: when its NIC has lost what it had learned. */
  readonly #restarts = new Map<string, number>();
  /** Buckets by owner that was pushed out of their histories by force, and has not come back: what its NIC had let through before comes to its host
   *  all the same. */
  readonly #pushedOut = new Map<string, Set<number>>();
  /** As it was saved last. */
  #assignment: Assignment | null = null;

  /** `forgotten`: rows that a blade's NIC has evicted, or found no room for. */
  constructor(clock: VirtualClock, isAlive: (blade: string) => boolean, bucketOf: (client: End) => number, forgotten: (blade: string) => number) {
    this.#forgotten = forgotten;
    this.#clock = clock;
    this.#isAlive = isAlive;
    this.#bucketOf = bucketOf;
  }

  violate(kind: ViolationKind, flow: number | null, what: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push({ kind, flow, what, atUs: this.#clock.now });
  }

  /** In the order of their initial sequence numbers. */
  register(flow: TcpFlow): void {
    const key = tupleKey(flow.client.key, flow.plan.clientPort);
    const flows = this.#byTuple.get(key);
    if (flows) flows.push(flow);
    else this.#byTuple.set(key, [flow]);
  }

  isLost(flow: Flow): boolean {
    return this.#lost.has(flow);
  }

  /** Connections that a blade has from before it was declared failed, or cut, are of no use to anyone; closes them. */
  closeLeftOver(hosts: Iterable<Host>): void {
    const lost = new Set([...this.#lost].map(({ plan }) => plan.id));
    for (const host of hosts) host.close((flow) => lost.has(flow));
  }

  /** A host takes a segment: null, or what is to be called with everything that it answers. */
  watch(host: Host, segment: Segment): ((fields: TcpFields) => void) | null {
    const flow = this.#flowOf(segment);
    const place = flow && this.#placeOf(flow);
    if (!flow || place?.host === host || this.#fenced.has(host.blade)) return null;
    if (!place) {
      return ({ flags }) => {
        if (flags & RST) this.#refusedEarly.add(flow);
      };
    }
    return ({ flags }) => {
      const kind = flags & RST ? "reset" : "wrong-host";
      const heard = `${flagsText(segment.flags)} (seq ${(segment.seq - flow.iss) | 0})`;
      this.violate(kind, flow.plan.id, `${host.owner} answers ${heard} with ${flagsText(flags)}; ${place.host.owner} has the connection`);
    };
  }

  /** A host takes an error: it must be about its own packets. */
  watchError(host: Host, { client, clientPort, vipPort }: Quote): void {
    if (this.#fenced.has(host.blade)) return;
    for (const flow of this.#byTuple.get(tupleKey(client, clientPort)) ?? []) {
      const place = flow.plan.vipPort === vipPort ? this.#placeOf(flow) : undefined;
      if (place && place.host !== host)
        this.violate("wrong-host", flow.plan.id, `${host.owner} takes an error about a packet of ${place.host.owner}`);
    }
  }

  registerTunnel(flow: TunnelFlow): void {
    this.#tunnels.set(tupleKey(flow.client.key, flow.plan.clientPort), flow);
  }

  /** As `watch`, for a packet of a session over UDP. */
  watchDatagram(host: Host, { source, sourcePort, number }: Datagram): ((fields: DatagramFields) => void) | null {
    const flow = this.#tunnels.get(tupleKey(source, sourcePort));
    const place = flow && this.#placeOf(flow);
    if (!flow || !place || place.host === host || this.#fenced.has(host.blade) || this.#isForgotten(place)) return null;
    return ({ kind }) => this.violate("wrong-host", flow.plan.id, `${host.owner} answers packet ${number} with "${kind}"; ${place.host.owner} has the session`);
  }

  onTunnel(host: Host, tunnel: Tunnel, { source, sourcePort }: Datagram, deliveredUs: number): void {
    const flow = this.#tunnels.get(tupleKey(source, sourcePort));
    if (!flow) return;
    this.#live(flow, host, tunnel);
    // Its first packet was on its way to the host when the NIC forgot it, or on the wire when its port was shut: the answer reaches nobody.
    if (deliveredUs <= (this.#restarts.get(host.blade) ?? -Infinity) || this.#fenced.has(host.blade)) this.#lost.add(flow);
  }

  /** A client has been told that there is no such session. */
  onTunnelRefused(flow: TunnelFlow, what: string): void {
    const place = this.#placeOf(flow);
    if (place && !this.#isForgotten(place)) this.violate("reset", flow.plan.id, `${what}; ${place.host.owner} has it`);
  }

  /** Where tables are too small, the row of a session over UDP may be evicted before its traffic manager has seen it: nobody knows of the session
   *  then. */
  #isForgotten({ host }: Place): boolean {
    return this.#forgotten(host.blade) > 0;
  }

  registerQuic(flow: QuicFlow): void {
    this.#quic.set(flow.plan.id, flow);
  }

  /** As `watch`, for a packet with an id that a server has made; the first packets, which have none, are as any of a flow. */
  watchQuic(host: Host, { kind, number, id }: QuicPacket): ((fields: QuicFields) => void) | null {
    const flow = kind === "initial" ? undefined : this.#named.get(cidText(id));
    const place = flow && this.#placeOf(flow);
    if (!flow || !place || place.host === host || !flow.has(id) || this.#fenced.has(host.blade)) return null;
    return (answer) => this.violate("wrong-host", flow.plan.id, `${host.owner} answers packet ${number} with "${answer.kind}"; ${place.host.owner} has the connection`);
  }

  onQuic(host: Host, connection: QuicConnection, id: number): void {
    const flow = this.#quic.get(id);
    if (!flow) return;
    this.#named.set(connection.key, flow);
    this.#live(flow, host, connection);
  }

  /** A client has been told that there is no such connection. */
  onQuicRefused(flow: QuicFlow, what: string): void {
    const place = this.#placeOf(flow);
    if (place) this.violate("reset", flow.plan.id, `${what}; ${place.host.owner} has it`);
  }

  /** Who asked for the VIP's MAC has been told one. While blades do not agree, each that believes itself the current owner of the asker's
   *  bucket answers, or none does. `agreed`: the generation that all blades had in force when it was asked; null: they had not all the same. */
  onNeighbour({ plan, client, vip }: NeighbourFlow, { asked, mac, from }: Neighbour, agreed: number | null): void {
    if (asked !== vip.key || bytesToMac(mac) !== bytesToMac(vip.mac))
      this.violate("wrong-neighbour", plan.id, `${bytesToMac(from)} says that ${bytesToMac(mac)} has what was asked for`);
    if (this.#assignment === null || agreed !== this.#assignment.generation) return;
    const bucket = this.#bucketOf(client);
    const { name, mac: current } = this.#assignment.owners[this.#assignment.buckets[bucket]![0]!]!;
    if (bytesToMac(from) !== current)
      this.violate("wrong-neighbour", plan.id, `${bytesToMac(from)} answers; ${name} has bucket ${bucket} since before it was asked`);
  }

  /** A NIC has lost what it had learned. Of sessions over UDP its traffic manager knows no more than it has had time to see. */
  onRestart(blade: string): void {
    for (const flow of this.#liveOn(blade)) if (flow instanceof TunnelFlow) this.#lost.add(flow);
    this.#restarts.set(blade, this.#clock.now);
  }

  onAccepted(host: Host, socket: TcpSocket, segment: Segment, deliveredUs: number): void {
    const flow = this.#flowOf(segment);
    if (!flow) return;
    this.#live(flow, host, socket);
    // Its NIC let it in before it was declared failed; it is of that time.
    if (deliveredUs <= (this.#backAt.get(host.blade) ?? -Infinity)) this.#lost.add(flow);
  }

  #live(flow: Flow, host: Host, socket: Place["socket"]): void {
    const places = this.#places.get(flow);
    if (places) places.push({ host, socket });
    else this.#places.set(flow, [{ host, socket }]);
    const isOut = !(flow instanceof QuicFlow) && this.#pushedOut.get(host.owner)?.has(this.#bucketOf(flow.client));
    if (isOut || this.#declared.has(host.blade)) this.#lost.add(flow);
  }

  /** A client's connection has come to an end. */
  onEnded(flow: TcpFlow, how: Ending): void {
    const isLost = this.#lost.has(flow);
    const place = this.#placeOf(flow);
    if (how === "closed") {
      flow.outcome = "done";
      if (!isLost && !flow.isComplete) this.violate("payload-lost", flow.plan.id, "the connection was closed in order, and not all has arrived");
    } else if (isLost) {
      flow.outcome = "cut";
    } else if (how === "refused") {
      flow.outcome = "refused";
      if (place && !this.#refusedEarly.has(flow)) this.violate("reset", flow.plan.id, `the client is reset; ${place.host.owner} has the connection`);
    } else {
      flow.outcome = "gave-up";
      this.violate("stuck", flow.plan.id, "nobody answers the client");
    }
  }

  /** A blade is about to lose its power. */
  onCrash(blade: string): void {
    this.#lose(blade);
  }

  /** The appliance manager has decided, and says so next. */
  onSaved({ fenced, cuts, view, assignment, running }: ApplianceState): void {
    const before = this.#assignment;
    this.#assignment = assignment;
    if (before !== null && before !== assignment && running?.kind === "reconfiguration" && running.state.view.force) this.#displace(before, assignment);
    this.#comeBack(assignment);
    this.#fenced = new Set(Object.keys(fenced));
    const declared = new Set(Object.keys(cuts));
    for (const [blade, { opensAt }] of Object.entries(fenced)) if (opensAt === null) declared.add(blade);
    for (const { blade, status } of view.members) if (status === "failed") declared.add(blade);
    for (const blade of declared) {
      if (!this.#declared.has(blade) && fenced[blade] && this.#isAlive(blade)) this.falseDeclarations++;
      this.#declared.add(blade);
      this.#lose(blade);
    }
    for (const blade of [...this.#declared]) {
      if (declared.has(blade)) continue;
      this.#declared.delete(blade);
      this.#backAt.set(blade, this.#clock.now);
    }
  }

  /** A blade may be switched off. `cut`: connections that this is said to cost. */
  onOffline(blade: string, cut: number): void {
    for (const flow of this.#liveOn(blade)) {
      const isForgotten = flow instanceof TunnelFlow && this.#forgotten(blade) > 0;
      if (!this.#lost.has(flow) && !isForgotten)
        this.violate("offline-live", flow.plan.id, `${blade} is let go offline with this connection; ${cut} were announced`);
      this.#lost.add(flow);
    }
  }

  onRedirect(node: ImageNode, { redirects, flow }: Parcel): void {
    if (redirects > REDIRECTS_MAX) this.violate("redirects", flow, `${node.name} redirects a frame for the ${redirects}th time`);
  }

  /** The connection that a client's segment belongs to. */
  #flowOf({ source, sourcePort, destinationPort, seq, flags }: Segment): TcpFlow | null {
    // A RST that answers someone else's segment has that one's numbers.
    if (flags & RST && !(flags & ACK)) return null;
    const flows = this.#byTuple.get(tupleKey(source, sourcePort)) ?? [];
    for (const flow of flows) {
      const place = (seq - flow.iss + BEFORE) >>> 0;
      if (flow.plan.vipPort === destinationPort && place < ISN_STEP) return flow;
    }
    return null;
  }

  /** Where a connection lives, if it is protected. */
  #placeOf(flow: Flow): Place | undefined {
    if (this.#lost.has(flow)) return undefined;
    return this.#places.get(flow)?.find((place) => place.host.isOn && isLive(flow, place));
  }

  *#liveOn(blade: string): Generator<Flow> {
    for (const [flow, places] of this.#places)
      if (places.some((place) => place.host.blade === blade && place.host.isOn && isLive(flow, place))) yield flow;
  }

  /** What oldest owners hold that fell off the end of a history, by force, is lost, as was said. */
  #displace(before: Assignment, after: Assignment): void {
    const places = new Map(displaced(before, after).map(({ owner, buckets }) => [owner, new Set(buckets)]));
    for (const [owner, buckets] of places) this.#pushedOut.set(owner, new Set([...(this.#pushedOut.get(owner) ?? []), ...buckets]));
    for (const [flow, living] of this.#places) {
      // Of a QUIC connection no history says where it is.
      if (flow instanceof QuicFlow) continue;
      if (living.some(({ host, socket }) => socket.isLive && places.get(host.owner)?.has(this.#bucketOf(flow.client)))) this.#lost.add(flow);
    }
  }

  #comeBack({ owners, buckets }: Assignment): void {
    for (const [owner, out] of this.#pushedOut)
      for (const bucket of out) if (buckets[bucket]!.some((number) => owners[number]!.name === owner)) out.delete(bucket);
  }

  #lose(blade: string): void {
    for (const flow of this.#liveOn(blade)) this.#lost.add(flow);
  }
}

/** Of several hosts that a QUIC client's first packet came to, the one whose answer it has taken has the connection. */
function isLive(flow: Flow, { socket }: Place): boolean {
  return socket.isLive && (!("key" in socket) || (flow instanceof QuicFlow && flow.has(socket.id)));
}

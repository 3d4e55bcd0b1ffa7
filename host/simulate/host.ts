/**
 * A server's host as the network sees one: it answers for the VIP, keeps a socket table, and sends RST for whatever it does
 * not know, as a kernel does. That is how a frame that came to the wrong host shows.
 */
import type { HostSocket, HostSockets } from "../supervisor/environment.ts";
import { US_PER_MS, type VirtualClock } from "../emulator/clock.ts";
import { mix } from "./dice.ts";
import type { Parcel, Take } from "./parcel.ts";
import { decodeDatagram, encodeDatagram, type Datagram, type DatagramFields } from "./datagram.ts";
import type { MakeCid } from "../emulator/quic/cid.ts";
import { QuicConnections, type QuicConnection } from "./quic-connections.ts";
import { decodeQuic, encodeQuic, type QuicFields, type QuicPacket } from "./quic-packet.ts";
import { decodeTooBig, type Quote } from "./icmp.ts";
import { Reassembly } from "./fragments.ts";
import { isFor, tupleKey, type End, type Family } from "./packet.ts";
import { ACK, decodeSegment, encodeSegment, NO_PAYLOAD, RST, SYN, type Segment, type TcpFields } from "./segment.ts";
import { serviceAt, type Service } from "./services.ts";
import { Tunnels, type Tunnel } from "./tunnels.ts";
import { TcpSocket, type SocketState } from "./tcp-socket.ts";

/** What the stack calls live, in the supervisor's words. */
const STATES: Readonly<Record<Exclude<SocketState, "closed" | "syn-sent">, HostSocket["state"]>> = {
  "syn-received": "half-open",
  established: "established",
  "fin-wait-1": "closing",
  "fin-wait-2": "closing",
  "close-wait": "closing",
  closing: "closing",
  "last-ack": "closing",
  "time-wait": "time-wait",
};

/** Half-open connections that it keeps; further SYNs are dropped. */
const BACKLOG = 96;
/** It asks whether a silent client is still there. */
const KEEP_ALIVE_US = 2_000_000;
/** So many times in vain, and it gives the connection up: 140 s, which outlasts the 128 s that a bucket waits for which has lost a SYN
 *  cookie. */
const KEEP_ALIVES_MAX = 70;
const COOKIE_US = 60_000_000;

export interface HostWorld {
  readonly clock: VirtualClock;
  /** The client's end of a flow. */
  clientOf(key: number): End;
  /** Called before it takes a segment. `answer`: to be called with all that it sends because of it; null: it may. */
  watch(host: Host, segment: Segment, parcel: Parcel): ((fields: TcpFields) => void) | null;
  /** It takes an error about one of its packets, or of another host's. */
  watchError(host: Host, quote: Quote): void;
  /** Called before it takes a packet of a session over UDP. What it returns is to be called with the answer; null: it may. */
  watchDatagram(host: Host, datagram: Datagram): ((fields: DatagramFields) => void) | null;
  /** `deliveredUs`: when its NIC gave it the packet. */
  onTunnel(host: Host, tunnel: Tunnel, datagram: Datagram, deliveredUs: number): void;
  /** As `watchDatagram`, for a packet of a QUIC connection. */
  watchQuic(host: Host, packet: QuicPacket): ((fields: QuicFields) => void) | null;
  /** It has a QUIC connection, of this flow. */
  onQuic(host: Host, connection: QuicConnection, flow: number): void;
  /** It has a socket for a client's connection. */
  /** `deliveredUs`: when its NIC gave it the segment. */
  onAccepted(host: Host, socket: TcpSocket, segment: Segment, deliveredUs: number): void;
  /** A frame came that is none, or that was changed on its way. */
  onCorrupt(host: Host, parcel: Parcel): void;
}

interface Connection {
  readonly socket: TcpSocket;
  readonly client: number;
  readonly family: Family;
  readonly clientPort: number;
  readonly vipPort: number;
  readonly flow: number;
  heardUs: number;
}

export class Host {
  readonly owner: string;
  readonly blade: string;
  isOn = true;
  /** The VIP at the owner's MAC, by family. */
  readonly #ends: Readonly<Record<Family, End>>;
  readonly #world: HostWorld;
  readonly #send: Take;
  readonly #secret: number;
  readonly #connections = new Map<number, Connection>();
  readonly #tunnels: Tunnels;
  /** Null: it serves no QUIC. */
  readonly #quic: QuicConnections | null;
  readonly #reassembly: Reassembly;
  #cookiesSent = 0;
  #answering: ((fields: TcpFields) => void) | null = null;
  /** When its NIC gave it what it is taking. */
  #deliveredUs = 0;
  #sent = 0;
  #accepted = 0;

  /** `ends`: the VIP at the owner's MAC, by family. `makeCid`: makes connection ids that name it; null: it serves no QUIC. */
  constructor(owner: string, blade: string, ends: Readonly<Record<Family, End>>, secret: number, makeCid: MakeCid | null, world: HostWorld, send: Take) {
    this.owner = owner;
    this.blade = blade;
    this.#ends = ends;
    this.#secret = secret;
    this.#tunnels = new Tunnels(world.clock, secret);
    this.#reassembly = new Reassembly(world.clock);
    this.#quic = makeCid && new QuicConnections(world.clock, makeCid);
    this.#world = world;
    this.#send = send;
  }

  /** Pulls the plug; a host that comes back is a new one. */
  powerOff(): void {
    this.isOn = false;
    for (const { socket } of this.#connections.values()) socket.vanish();
    this.#connections.clear();
  }

  /** Its operator closes connections (`ss -K`): those of the flows that `isMeant` says. */
  close(isMeant: (flow: number) => boolean): void {
    for (const { socket, flow } of this.#connections.values()) if (isMeant(flow)) socket.abort();
  }

  /** The socket table as the blade's traffic manager reads it. `queueUs`: between NIC and host, and in the NIC's queue;
   *  `readUs`: from the traffic manager to the table, one way. */
  sockets(queueUs: number, readUs: number): HostSockets {
    const { clock } = this.#world;
    return {
      read: (onRows) => {
        clock.after(readUs, () => {
          if (!this.isOn) return;
          const rows = this.#rows();
          clock.after(readUs, () => onRows(rows));
        });
      },
      cookiesSent: () => (this.isOn ? this.#cookiesSent : null),
      // The supervisor's clock cuts off fractions of a millisecond, and may run too fast: two more, to be sure.
      queueMs: Math.ceil(queueUs / US_PER_MS) + 2,
    };
  }

  receive(parcel: Parcel): void {
    if (!this.isOn || !isFor(parcel.bytes, this.#ends[4].mac)) return;
    const segment = decodeSegment(parcel.bytes);
    if (segment === null) return this.#takeOther(parcel);
    if (segment.destination !== this.#ends[segment.family].key) return this.#world.onCorrupt(this, parcel);
    this.#answering = this.#world.watch(this, segment, parcel);
    this.#deliveredUs = parcel.deliveredUs ?? this.#world.clock.now;
    this.#take(segment, parcel.flow);
    this.#answering = null;
  }

  /** What is no TCP, or a piece of a packet. */
  #takeOther(parcel: Parcel): void {
    const whole = this.#reassembly.take(parcel.bytes);
    if (whole === null) return;
    const datagram = decodeDatagram(whole);
    if (datagram) return this.#reply(datagram, parcel);
    const quic = decodeQuic(whole);
    if (quic && this.#quic) return this.#replyQuic(this.#quic, quic, parcel.flow);
    const quote = decodeTooBig(whole);
    if (quote) return this.#world.watchError(this, quote);
    this.#world.onCorrupt(this, parcel);
  }

  #reply(datagram: Datagram, { flow, deliveredUs = this.#world.clock.now }: Parcel): void {
    const { family, source, sourcePort, destinationPort, kind } = datagram;
    const onAnswer = kind === "question" ? null : this.#world.watchDatagram(this, datagram);
    const fields = kind === "question" ? datagram : this.#tunnels.take(datagram, (tunnel) => this.#world.onTunnel(this, tunnel, datagram, deliveredUs));
    onAnswer?.(fields);
    const number = this.#sent++;
    const bytes = encodeDatagram(this.#ends[family], destinationPort, this.#world.clientOf(source), sourcePort, fields, number);
    this.#send({ bytes, id: mix(flow * 2 + 1, mix(this.#secret, number)), flow, redirects: 0 });
  }

  #replyQuic(connections: QuicConnections, packet: QuicPacket, flow: number): void {
    const { family, source, sourcePort, destinationPort } = packet;
    const onAnswer = this.#world.watchQuic(this, packet);
    const fields = connections.take(packet, (connection) => this.#world.onQuic(this, connection, flow));
    onAnswer?.(fields);
    const number = this.#sent++;
    const bytes = encodeQuic(this.#ends[family], destinationPort, this.#world.clientOf(source), sourcePort, fields, number);
    this.#send({ bytes, id: mix(flow * 2 + 1, mix(this.#secret, number)), flow, redirects: 0 });
  }

  #take(segment: Segment, flow: number): void {
    const key = tupleKey(segment.source, segment.sourcePort);
    const connection = this.#connections.get(key);
    if (connection && connection.socket.state !== "closed" && connection.vipPort === segment.destinationPort) {
      connection.heardUs = this.#world.clock.now;
      if (!opensAnew(connection.socket, segment)) return connection.socket.receive(segment);
      connection.socket.vanish();
    }
    const service = serviceAt(segment.destinationPort);
    const { flags } = segment;
    if (flags & RST) return;
    if (service && (flags & (SYN | ACK)) === SYN) return this.#open(segment, service, flow);
    if (service?.cookies && flags & ACK && !(flags & SYN) && segment.ack === (this.#cookie(segment, segment.seq - 1) + 1) >>> 0)
      return this.#connect(segment, service, flow, (socket) => socket.adopt(segment), "established");
    this.#refuse(segment, flow);
  }

  #open(segment: Segment, service: Service, flow: number): void {
    if (service.cookies) {
      this.#cookiesSent++;
      const fields = { flags: SYN | ACK, seq: this.#cookie(segment, segment.seq), ack: (segment.seq + 1) >>> 0, window: 0x8000, payload: NO_PAYLOAD };
      return this.#transmit(segment, fields, flow);
    }
    const halfOpen = [...this.#connections.values()].filter(({ socket }) => socket.state === "syn-received").length;
    if (halfOpen >= BACKLOG) return;
    const accept = (socket: TcpSocket): void => {
      socket.accept(segment, service.early, service.shutUs > 0 ? 0 : undefined);
      if (service.shutUs > 0) this.#world.clock.after(service.shutUs, () => socket.open());
    };
    this.#connect(segment, service, flow, accept, "syn-received");
  }

  #connect(segment: Segment, service: Service, flow: number, begin: (socket: TcpSocket) => void, state: "syn-received" | "established"): void {
    const { family, source, sourcePort, destinationPort } = segment;
    const key = tupleKey(source, sourcePort);
    const iss = state === "established" ? (segment.ack - 1) >>> 0 : mix(mix(this.#secret, segment.seq), mix(source, this.#accepted++));
    const { clock } = this.#world;
    const finish = (): void => socket.close();
    const socket: TcpSocket = new TcpSocket(clock, iss, state, {
      transmit: (fields) => this.#transmit(segment, fields, flow),
      onConnected: () => undefined,
      onReceived: (total) => {
        socket.write(service.answer(total));
        if (service.closes === "at-once") socket.close();
      },
      onDrained: () => {
        if (service.closes === "answered" && socket.received > 0) socket.close();
      },
      onPeerClosed: () => {
        if (service.tail === 0) return finish();
        clock.after(service.tailUs, () => {
          socket.write(service.answer(socket.received) + service.tail);
          finish();
        });
      },
      onEnded: () => undefined,
      onCorrupt: () => this.#world.onCorrupt(this, { bytes: NO_PAYLOAD, id: 0, flow, redirects: 0 }),
    });
    const connection = { socket, family, client: source, clientPort: sourcePort, vipPort: destinationPort, flow, heardUs: clock.now };
    this.#connections.set(key, connection);
    this.#world.onAccepted(this, socket, segment, this.#deliveredUs);
    begin(socket);
    this.#keepAlive(connection);
  }

  #keepAlive(connection: Connection): void {
    const { clock } = this.#world;
    clock.after(KEEP_ALIVE_US, () => {
      if (!connection.socket.isLive) return;
      const silentUs = clock.now - connection.heardUs;
      if (silentUs >= KEEP_ALIVES_MAX * KEEP_ALIVE_US) return connection.socket.vanish();
      if (silentUs >= KEEP_ALIVE_US) connection.socket.probe();
      this.#keepAlive(connection);
    });
  }

  /** RFC 9293, 3.5.2: of a segment with ACK, the RST has its place; any other is answered with what it is. */
  #refuse(segment: Segment, flow: number): void {
    const { flags, seq, ack, payload } = segment;
    const behind = (seq + payload.length + (flags & SYN ? 1 : 0)) >>> 0;
    const fields = flags & ACK
      ? { flags: RST, seq: ack, ack: 0, window: 0, payload: NO_PAYLOAD }
      : { flags: RST | ACK, seq: 0, ack: behind, window: 0, payload: NO_PAYLOAD };
    this.#transmit(segment, fields, flow);
  }

  /** The sequence number that stands for the state of a half-open connection. */
  #cookie({ source, sourcePort, destinationPort }: Segment, isn: number): number {
    const period = Math.floor(this.#world.clock.now / COOKIE_US);
    return mix(mix(mix(this.#secret, period), source), mix(isn >>> 0, sourcePort * 0x10000 + destinationPort));
  }

  /** To where a segment came from. */
  #transmit({ family, source, sourcePort, destinationPort }: Segment, fields: TcpFields, flow: number): void {
    if (!this.isOn) return;
    this.#answering?.(fields);
    const number = this.#sent++;
    const bytes = encodeSegment(this.#ends[family], destinationPort, this.#world.clientOf(source), sourcePort, fields, number);
    this.#send({ bytes, id: mix(flow * 2 + 1, mix(this.#secret, number)), flow, redirects: 0 });
  }

  #rows(): HostSocket[] {
    const rows: HostSocket[] = [];
    for (const [key, { socket, family, client, clientPort, vipPort }] of this.#connections) {
      const { state } = socket;
      if (state === "closed" || state === "syn-sent") this.#connections.delete(key);
      else rows.push({ client: this.#world.clientOf(client).text, clientPort, vip: this.#ends[family].text, vipPort, state: STATES[state] });
    }
    return rows;
  }
}

/** Whether a SYN may open a connection of the same tuple: the one before is over, and the number is a later one. */
function opensAnew(socket: TcpSocket, { flags, seq }: Segment): boolean {
  return socket.state === "time-wait" && (flags & (SYN | ACK | RST)) === SYN && ((seq - socket.irs) | 0) > 0;
}

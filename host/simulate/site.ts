/** A clients' access network: its clients' connections, and what a kernel says of segments that belong to none. */
import { mix } from "./dice.ts";
import type { Parcel, Take } from "./parcel.ts";
import type { AskFlow } from "./ask-flow.ts";
import type { TunnelFlow } from "./tunnel-flow.ts";
import { decodeDatagram } from "./datagram.ts";
import { decodeQuic } from "./quic-packet.ts";
import type { NeighbourFlow } from "./neighbour-flow.ts";
import { decodeNeighbour, type Neighbour } from "./neighbour-packet.ts";
import type { QuicFlow } from "./quic-flow.ts";
import { isFor, openPacket, tupleKey, type End, type Family } from "./packet.ts";
import { ACK, decodeSegment, encodeSegment, FIN, NO_PAYLOAD, RST, SYN, type Segment } from "./segment.ts";
import type { TcpFlow } from "./tcp-flow.ts";

export interface SiteOptions {
  readonly vipOf: (family: Family) => End;
  /** Clients from this number on are made up by someone: nobody is there to answer. */
  readonly clients: number;
  readonly endOf: (family: Family, client: number) => End;
  readonly send: Take;
  readonly onCorrupt: (flow: number) => void;
}

export class Site {
  readonly #options: SiteOptions;
  readonly #ends = new Map<number, End>();
  /** The newest of each tuple. */
  readonly #flows = new Map<number, TcpFlow>();
  readonly #datagrams = new Map<number, AskFlow | TunnelFlow>();
  readonly #quic = new Map<number, QuicFlow>();
  /** By number. */
  readonly #neighbours = new Map<number, NeighbourFlow>();
  #sent = 0;

  constructor(options: SiteOptions) {
    this.#options = options;
    for (let client = 0; client < options.clients; client++) {
      for (const family of [4, 6] as const) {
        const end = options.endOf(family, client);
        this.#ends.set(end.key, end);
      }
    }
  }

  /** Segments to the flow's tuple are its own from now on. */
  add(flow: TcpFlow): void {
    this.#flows.set(tupleKey(flow.client.key, flow.plan.clientPort), flow);
  }

  /** Datagrams to the flow's tuple are its own from now on. */
  addDatagrams(flow: AskFlow | TunnelFlow): void {
    this.#datagrams.set(tupleKey(flow.client.key, flow.plan.clientPort), flow);
  }

  /** QUIC packets to this address and port are the flow's own. */
  addQuic(client: End, clientPort: number, flow: QuicFlow): void {
    this.#quic.set(tupleKey(client.key, clientPort), flow);
  }

  /** Answers to its frames are the flow's own. */
  addNeighbour(flow: NeighbourFlow): void {
    this.#neighbours.set(flow.plan.id, flow);
  }

  send(parcel: Parcel): void {
    this.#options.send(parcel);
  }

  receive(parcel: Parcel): void {
    const neighbour = decodeNeighbour(parcel.bytes);
    if (neighbour) return this.#hear(neighbour, parcel);
    const packet = openPacket(parcel.bytes);
    const end = packet && this.#ends.get(packet.destination);
    // A switch floods what it has no port for.
    if (!end || !isFor(parcel.bytes, end.mac)) return;
    const datagram = decodeDatagram(parcel.bytes);
    if (datagram) return this.#datagrams.get(tupleKey(datagram.destination, datagram.destinationPort))?.receive(datagram);
    const quic = decodeQuic(parcel.bytes);
    if (quic) return this.#quic.get(tupleKey(quic.destination, quic.destinationPort))?.receive(quic);
    const segment = decodeSegment(parcel.bytes);
    if (segment === null) return this.#options.onCorrupt(parcel.flow);
    const flow = this.#flows.get(tupleKey(segment.destination, segment.destinationPort));
    if (flow?.hasSocket && flow.plan.vipPort === segment.sourcePort) return flow.receive(segment, parcel.bytes);
    this.#refuse(end, segment, parcel.flow);
  }

  /** What a neighbour has said; a switch floods others' questions, too. */
  #hear(neighbour: Neighbour, { bytes, flow, id }: Parcel): void {
    const asking = this.#neighbours.get(flow);
    if (asking && neighbour.kind === "answer" && neighbour.asker === asking.client.key && isFor(bytes, asking.client.mac)) asking.receive(neighbour, id);
  }

  #refuse(end: End, { family, flags, seq, ack, destinationPort, sourcePort, payload }: Segment, flow: number): void {
    if (flags & RST) return;
    const length = payload.length + (flags & (SYN | FIN) ? 1 : 0);
    const fields = flags & ACK
      ? { flags: RST, seq: ack, ack: 0, window: 0, payload: NO_PAYLOAD }
      : { flags: RST | ACK, seq: 0, ack: (seq + length) >>> 0, window: 0, payload: NO_PAYLOAD };
    const number = this.#sent++;
    const bytes = encodeSegment(end, destinationPort, this.#options.vipOf(family), sourcePort, fields, number);
    this.send({ bytes, id: mix(end.key, number), flow, redirects: 0 });
  }
}

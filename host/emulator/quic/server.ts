/** The server's end of all QUIC-shaped connections of a host. */
import { US_PER_SECOND, type VirtualClock } from "../clock.ts";
import type { ConnectionRecord, Ledger, LiveConnection } from "../ledger.ts";
import type { ConnectionEvent, Datagram } from "../netstack.ts";
import type { Random } from "../random.ts";
import { ServerSession } from "../server-session.ts";
import { Stream } from "../stream.ts";
import type { Path, UdpSocket, UdpSockets } from "../udp-sockets.ts";
import { cidKey, type MakeCid } from "./cid.ts";
import { QuicConnection } from "./connection.ts";
import { decodePacket, destinationCid, encodeReset, isLong, type Packet } from "./packet.ts";

/** A connection that is over answers its client for so long: that may not know it yet. */
const LINGER_US = 10 * US_PER_SECOND;
/** So may one whose client has not confirmed it: it is forgotten without a word. */
const UNCONFIRMED_US = 10 * US_PER_SECOND;
const FILLER_BYTES = 32;

export interface QuicServerOptions {
  readonly clock: VirtualClock;
  readonly sockets: UdpSockets;
  readonly port: number;
  /** Owner that the host stands for. */
  readonly owner: string;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly makeCid: MakeCid;
}

interface Peer {
  readonly connection: QuicConnection;
  readonly keys: string[];
  session: ServerSession | null;
  path: Path;
}

export class QuicServer {
  readonly #options: QuicServerOptions;
  readonly #socket: UdpSocket;
  readonly #cidBytes: number;
  /** By each connection ID that leads to it, and by what its client has opened it with. */
  readonly #peers = new Map<string, Peer>();

  constructor(options: QuicServerOptions) {
    this.#options = options;
    this.#cidBytes = options.makeCid().length;
    this.#socket = options.sockets.open(options.port, (datagram) => this.#receive(datagram));
  }

  /** Connections that are established, and not closed. */
  live(): LiveConnection[] {
    const live = [...new Set(this.#peers.values())].filter(({ connection }) => connection.isEstablished && !connection.isOver);
    return live.map(({ path }) => ({ client: path.remoteAddress, clientPort: path.remotePort }));
  }

  #receive({ data, ...path }: Datagram): void {
    const cid = destinationCid(data, this.#cidBytes);
    if (!cid) return;
    const packet = decodePacket(data, this.#cidBytes);
    const peer = this.#peers.get(cidKey(cid)) ?? (packet?.form === "initial" ? this.#open(packet, path) : undefined);
    if (!peer) return this.#strange(data, cid, path);
    if (!packet) return peer.connection.receiveOther(data);
    const before = peer.connection.largestReceived;
    peer.connection.receivePacket(packet);
    if (packet.number > before) this.#follow(peer, path);
  }

  /** An Initial with an ID that the client has made up: a new connection, or one that has been opened so already. */
  #open({ dcid, scid }: Packet, path: Path): Peer {
    const opener = openerKey(dcid, path);
    return this.#peers.get(opener) ?? this.#makePeer(opener, scid, path);
  }

  #makePeer(opener: string, clientCid: Uint8Array, path: Path): Peer {
    const { clock, random, makeCid, owner } = this.#options;
    const record = this.#ledgerRecord(path);
    if (!record) throw new Error(`${owner} has got a connection that no client has opened`);
    const ownCid = makeCid();
    const keys = [opener, cidKey(ownCid)];
    const connection = new QuicConnection({
      clock,
      random,
      role: "server",
      ownCid,
      peerCid: Uint8Array.from(clientCid),
      makeCid,
      onOwnCid: (cid) => {
        keys.push(cidKey(cid));
        this.#peers.set(cidKey(cid), peer);
      },
      transmit: (bytes) => this.#socket.send(peer.path, bytes),
      onEvent: (event) => this.#handle(peer, record, event),
    });
    const peer: Peer = { connection, keys, session: null, path };
    for (const key of keys) this.#peers.set(key, peer);
    clock.after(UNCONFIRMED_US, () => {
      if (!connection.isEstablished) this.#forget(peer);
    });
    return peer;
  }

  #handle(peer: Peer, record: ConnectionRecord, event: ConnectionEvent): void {
    const { clock, owner, sockets } = this.#options;
    // A host that was switched off learns nothing more, and has nothing to say.
    if (sockets.isOff) return;
    if (event === "accepted") peer.session = new ServerSession(clock, new Stream(peer.connection), record, owner);
    else if (peer.session?.handle(event)) clock.after(LINGER_US, () => this.#forget(peer));
  }

  #forget(peer: Peer): void {
    peer.connection.abandon();
    for (const key of peer.keys) this.#peers.delete(key);
  }

  /** The newest packet comes from where the client is now. */
  #follow(peer: Peer, path: Path): void {
    const { remoteAddress, remotePort } = peer.path;
    if (path.remoteAddress === remoteAddress && path.remotePort === remotePort) return;
    peer.path = path;
    if (!peer.connection.isOver) peer.connection.challenge();
  }

  /** A packet of a connection that another host has, or that nobody has. */
  #strange(datagram: Uint8Array, cid: Uint8Array, path: Path): void {
    if (isLong(datagram)) return;
    const record = this.#ledgerRecord(path);
    if (record && record.outcome !== "done") record.break("reset", this.#options.clock.now);
    const filler = this.#options.random.fill(new Uint8Array(FILLER_BYTES));
    const reset = encodeReset(cid, filler, datagram.length);
    if (reset) this.#socket.send(path, reset);
  }

  #ledgerRecord({ remoteAddress, remotePort }: Path): ConnectionRecord | undefined {
    return this.#options.ledger.find(remoteAddress, remotePort);
  }
}

function openerKey(dcid: Uint8Array, { remoteAddress, remotePort }: Path): string {
  return `${cidKey(dcid)} ${remoteAddress} ${remotePort}`;
}

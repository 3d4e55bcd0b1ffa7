/**
 * One end of a connection shaped as QUIC's, with one stream in both directions: handshake, packets, acknowledgements,
 * retransmission, connection IDs. Addresses are its owner's business. Not QUIC's: packet number spaces are one, and nothing
 * is encrypted.
 */
import { US_PER_SECOND, type VirtualClock } from "../clock.ts";
import type { ConnectionEvent } from "../netstack.ts";
import type { Random } from "../random.ts";
import type { Carrier } from "../stream.ts";
import type { Cancel } from "../../supervisor/environment.ts";
import type { MakeCid } from "./cid.ts";
import { decodeFrames, encodeFrame, type Frame } from "./frames.ts";
import { IncomingStream } from "./incoming.ts";
import { DATAGRAM_BYTES, encodePacket, type Form, isReset, OVERHEAD_BYTES, type Packet, resetToken } from "./packet.ts";
import { ReceivedNumbers } from "./received.ts";
import { ACK_DELAY_US, type Kept, Recovery } from "./recovery.ts";

/** Bytes that are sent and not acknowledged, or queued. */
const WINDOW_BYTES = 16_384;
/** Packets that are not acknowledged; what is queued beyond waits. */
const IN_FLIGHT_MAX = 32;
/** Around the data of a STREAM frame, at most. */
const STREAM_HEAD_BYTES = 1 + 1 + 4 + 2;
const ACK_RANGES_MAX = 12;
/** Room for an ACK frame: its head, and two numbers of at most 4 bytes a range. */
const ACK_BYTES = 10 + 8 * ACK_RANGES_MAX;
const FRAMES_BYTES = DATAGRAM_BYTES - OVERHEAD_BYTES;
const PIECE_BYTES = FRAMES_BYTES - ACK_BYTES - STREAM_HEAD_BYTES;
const CRYPTO_BYTES: Readonly<Record<Role, number>> = { client: 300, server: 800 };
const FINISHED_BYTES = 52;
const PATH_BYTES = 8;
/** A client that has heard nothing for so long asks, so that its path stays open. */
const KEEP_ALIVE_US = 15 * US_PER_SECOND;
/** Ack-eliciting packets that are acknowledged together. */
const ACK_EVERY = 2;

export type Role = "client" | "server";

export interface QuicConnectionOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly role: Role;
  /** What this end is called by the other. */
  readonly ownCid: Uint8Array;
  /** What the other is called; a client makes one up, which holds until its server has chosen. */
  readonly peerCid: Uint8Array;
  /** Of further connection IDs that a server gives out. */
  readonly makeCid: MakeCid;
  /** What the owner must know to hand packets to this connection. */
  readonly onOwnCid: (cid: Uint8Array) => void;
  readonly transmit: (datagram: Uint8Array) => void;
  readonly onEvent: (event: ConnectionEvent) => void;
}

export class QuicConnection implements Carrier {
  readonly #options: QuicConnectionOptions;
  readonly #recovery: Recovery;
  readonly #received = new ReceivedNumbers();
  readonly #incoming = new IncomingStream();
  /** To be sent, in order. */
  #queue: Kept[] = [];
  #nextNumber = 0;
  #peerCid: Uint8Array;
  /** Given by the peer, and not used yet. */
  readonly #spareCids: Uint8Array[] = [];
  readonly #usedCids: Uint8Array[] = [];
  /** Client: its server has answered. Server: its client has the answer. */
  #established = false;
  #sentEnd = 0;
  #arrivedBytes = 0;
  #starved = false;
  #finQueued = false;
  #finArrived = false;
  #peerClosed = false;
  #owedAcks = 0;
  #over = false;
  #cancelAck: Cancel = () => undefined;
  #cancelKeepAlive: Cancel = () => undefined;
  #cancelFlush: Cancel | null = null;

  constructor(options: QuicConnectionOptions) {
    this.#options = options;
    this.#peerCid = options.peerCid;
    this.#recovery = new Recovery({
      clock: options.clock,
      onLost: (kept) => this.#sendAgain(kept),
      onArrived: (kept) => this.#arrived(kept),
      onGivenUp: () => this.#end("reset"),
    });
    this.#keep({ type: "crypto", offset: 0, data: this.#fill(CRYPTO_BYTES[options.role]) });
  }

  get isEstablished(): boolean {
    return this.#established;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Highest packet number that has come: the peer's newest packet says where the peer is. */
  get largestReceived(): number {
    return this.#received.largest;
  }

  /** Whether the peer has given an ID that can be used from another address. */
  get canMigrate(): boolean {
    return this.#established && this.#spareCids.length > 0 && !this.#over;
  }

  // --- as a carrier

  send(bytes: Uint8Array): number {
    const room = Math.max(0, WINDOW_BYTES - (this.#sentEnd - this.#arrivedBytes));
    const taken = Math.min(room, bytes.length);
    for (let at = 0; at < taken; at += PIECE_BYTES) {
      const data = bytes.slice(at, Math.min(taken, at + PIECE_BYTES));
      this.#keep({ type: "stream", offset: this.#sentEnd, data, fin: false });
      this.#sentEnd += data.length;
    }
    this.#starved = taken < bytes.length;
    return taken;
  }

  receive(max: number): Uint8Array {
    return this.#incoming.read(max);
  }

  close(): void {
    if (this.#finQueued || this.#over) return;
    this.#finQueued = true;
    this.#keep({ type: "stream", offset: this.#sentEnd, data: new Uint8Array(0), fin: true });
  }

  // --- addresses

  /** The client goes on from another address: with another ID, so that nobody else can tell it is the same. */
  migrate(): void {
    this.#usedCids.push(this.#peerCid);
    this.#peerCid = this.#spareCids.shift()!;
    this.challenge();
  }

  /** Asks whether the peer is where it seems to be now. */
  challenge(): void {
    this.#keep({ type: "challenge", data: this.#fill(PATH_BYTES) });
  }

  /** Ends it without a word to anybody. */
  abandon(): void {
    this.#over = true;
    this.#recovery.stop();
    this.#cancelAck();
    this.#cancelKeepAlive();
    this.#cancelFlush?.();
  }

  // --- packets in

  /** What came and is no packet. */
  receiveOther(datagram: Uint8Array): void {
    if (!this.#over && isReset(datagram, [this.#peerCid, ...this.#usedCids])) this.#end("reset");
  }

  receivePacket(packet: Packet): void {
    const frames = decodeFrames(packet.frames);
    if (!frames || !this.#fromPeer(packet)) return;
    if (this.#over) {
      // Two that are over would not stop telling each other.
      if (frames.every(({ type }) => type !== "close")) this.#tellOver();
      return;
    }
    this.#recovery.heard();
    this.#keepAlive();
    if (!this.#received.add(packet.number)) return this.#acknowledgeAtOnce();
    if (frames.some(({ type }) => type !== "ack" && type !== "close")) this.#oweAck();
    this.#establish(packet);
    for (const frame of frames) if (!this.#over) this.#take(frame);
  }

  /** A server is known by the ID that it has chosen first: another one that has answered too is not the peer. */
  #fromPeer({ form, scid }: Packet): boolean {
    if (form === "short" || !this.#established || this.#options.role === "server") return true;
    return Buffer.compare(scid, this.#usedCids[0] ?? this.#peerCid) === 0;
  }

  #establish({ form, scid }: Packet): void {
    const { role, makeCid, onOwnCid, onEvent } = this.#options;
    // A client learns its server's ID from a long header; a server's client has got it when it uses it.
    if (this.#established || form === (role === "server" ? "initial" : "short")) return;
    this.#established = true;
    if (role === "client") {
      this.#peerCid = Uint8Array.from(scid);
      this.#keep({ type: "crypto", offset: CRYPTO_BYTES.client, data: this.#fill(FINISHED_BYTES) });
      onEvent("connected");
    } else {
      const cid = makeCid();
      onOwnCid(cid);
      this.#keep({ type: "done" });
      this.#keep({ type: "new-cid", sequence: 1, cid, token: resetToken(cid) });
      onEvent("accepted");
    }
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case "ack":
        this.#recovery.acknowledged(frame.ranges);
        return this.#schedule();
      case "stream":
        if (this.#incoming.add(frame.offset, frame.data, frame.fin)) this.#options.onEvent("readable");
        return this.#closeIfDone();
      case "new-cid":
        this.#spareCids.push(frame.cid);
        return;
      case "challenge":
        return this.#keep({ type: "response", data: frame.data });
      case "close":
        return this.#end("closed");
      case "ping":
      case "crypto":
      case "response":
      case "done":
        return;
    }
  }

  // --- what has become of what was sent

  #arrived({ frame }: Kept): void {
    if (frame.type !== "stream") return;
    this.#arrivedBytes += frame.data.length;
    if (frame.fin) this.#finArrived = true;
    if (this.#starved && frame.data.length > 0) {
      this.#starved = false;
      this.#options.onEvent("writable");
    }
    this.#closeIfDone();
  }

  #sendAgain(kept: readonly Kept[]): void {
    this.#queue.unshift(...kept);
    this.#schedule();
  }

  #closeIfDone(): void {
    if (!this.#peerClosed && this.#incoming.isComplete) {
      this.#peerClosed = true;
      this.#options.onEvent("peer-closed");
    }
    if (!this.#peerClosed || !this.#finArrived || this.#over) return;
    this.#end("closed");
    this.#tellOver();
  }

  #end(event: "closed" | "reset"): void {
    if (this.#over) return;
    this.abandon();
    this.#options.onEvent(event);
  }

  // --- packets out

  #keep(frame: Frame): void {
    this.#queue.push({ frame, arrived: false });
    this.#schedule();
  }

  #fill(length: number): Uint8Array {
    return this.#options.random.fill(new Uint8Array(length));
  }

  #keepAlive(): void {
    if (this.#options.role !== "client") return;
    this.#cancelKeepAlive();
    this.#cancelKeepAlive = this.#options.clock.after(KEEP_ALIVE_US, () => {
      this.#keep({ type: "ping" });
      this.#keepAlive();
    });
  }

  #oweAck(): void {
    if (++this.#owedAcks >= ACK_EVERY) return this.#schedule();
    this.#cancelAck = this.#options.clock.after(ACK_DELAY_US, () => this.#acknowledgeAtOnce());
  }

  #acknowledgeAtOnce(): void {
    this.#owedAcks = Math.max(this.#owedAcks, ACK_EVERY);
    this.#schedule();
  }

  /** Flushes at this instant, once all that happens in it has been said. */
  #schedule(): void {
    if (this.#over || this.#cancelFlush) return;
    const { clock } = this.#options;
    this.#cancelFlush = clock.at(clock.now, () => {
      this.#cancelFlush = null;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#over) return;
    const take = (wanted: (kept: Kept) => boolean): Kept[] => {
      const batch: Kept[] = [];
      let room = FRAMES_BYTES - ACK_BYTES;
      this.#queue = this.#queue.filter((kept) => {
        if (kept.arrived) return false;
        const size = encodeFrame(kept.frame).length;
        if (!wanted(kept) || size > room) return true;
        room -= size;
        batch.push(kept);
        return false;
      });
      return batch;
    };
    while (this.#recovery.inFlight < IN_FLIGHT_MAX) {
      const hello = take(({ frame }) => frame.type === "crypto" && frame.offset === 0);
      if (hello.length > 0) {
        this.#sendPacket("initial", hello);
        continue;
      }
      if (!this.#established) break;
      const finished = take(({ frame }) => frame.type === "crypto");
      const batch = finished.length > 0 ? finished : take(() => true);
      if (batch.length === 0) break;
      this.#sendPacket(finished.length > 0 ? "handshake" : "short", batch);
    }
    if (this.#owedAcks >= ACK_EVERY) this.#sendPacket(this.#established ? "short" : "initial", []);
  }

  #sendPacket(form: Form, kept: readonly Kept[]): void {
    this.#owedAcks = 0;
    this.#cancelAck();
    const number = this.#nextNumber++;
    if (kept.length > 0) this.#recovery.sent(number, kept);
    this.#transmit(form, number, [...this.#acks(), ...kept.map(({ frame }) => frame)]);
  }

  #transmit(form: Form, number: number, frames: readonly Frame[]): void {
    const { ownCid, transmit } = this.#options;
    const bytes = Buffer.concat(frames.map(encodeFrame));
    const packet = { form, dcid: this.#peerCid, scid: form === "short" ? new Uint8Array(0) : ownCid, number };
    const length = form === "initial" ? DATAGRAM_BYTES - encodePacket({ ...packet, frames: new Uint8Array(0) }).length : 0;
    const padding = new Uint8Array(Math.max(0, length - bytes.length));
    transmit(encodePacket({ ...packet, frames: Buffer.concat([bytes, padding]) }));
  }

  /** For a peer that does not know yet that it is over. */
  #tellOver(): void {
    if (this.#established) this.#transmit("short", this.#nextNumber++, [...this.#acks(), { type: "close" }]);
  }

  #acks(): Frame[] {
    const { ranges } = this.#received;
    return ranges.length === 0 ? [] : [{ type: "ack", ranges: ranges.slice(0, ACK_RANGES_MAX) }];
  }
}

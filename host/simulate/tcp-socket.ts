/**
 * One end of a scripted TCP connection: enough of RFC 9293 that every segment is answered as a kernel answers it, and no
 * more. Data go back to the first that is not acknowledged, segments out of order are dropped, there is no congestion
 * control and no option. What is sent is a pattern of the sender's initial sequence number and the place in the stream,
 * and whoever receives it checks every byte.
 *
 * Places in a stream are counted from the initial sequence number: 0 is the SYN, 1 the first byte of data.
 */
import type { Cancel } from "../supervisor/environment.ts";
import type { VirtualClock } from "../emulator/clock.ts";
import { ACK, FIN, NO_PAYLOAD, RST, SYN, type Segment, type TcpFields } from "./segment.ts";

export type SocketState =
  | "syn-sent" | "syn-received" | "established" | "fin-wait-1" | "fin-wait-2"
  | "close-wait" | "closing" | "last-ack" | "time-wait" | "closed";

/** `refused`: by a RST; `gave-up`: nobody answered. */
export type Ending = "closed" | "refused" | "gave-up";

export interface SocketHooks {
  transmit(fields: TcpFields): void;
  onConnected(): void;
  /** So many bytes have come in, in all. */
  onReceived(total: number): void;
  /** All that was written is acknowledged. */
  onDrained(): void;
  /** The other end sends no more. */
  onPeerClosed(): void;
  onEnded(how: Ending): void;
  /** A byte was not what it should be. */
  onCorrupt(): void;
}

const SEGMENT_BYTES_MAX = 512;
/** Segments on their way at a time. */
const FLIGHT_MAX = 4;
const WINDOW = 0x8000;
/** A RST is believed so far from the place that is expected. */
const RST_WINDOW = 0x10000;
const RETRANSMIT_US_MIN = 100_000;
const RETRANSMIT_US_MAX = 800_000;
/** Times that a host repeats its SYN+ACK. */
const HALF_OPEN_TRIES_MAX = 8;
/** 320 s: it outlasts the 128 s that a bucket waits for which has lost a SYN cookie, also where a blade that was added then makes it wait once more. */
const TRIES_MAX = 400;
const CHALLENGE_US = 200_000;
const TIME_WAIT_US = 1_500_000;

export class TcpSocket {
  state: SocketState;
  /** Initial sequence number of the other end; of no meaning before its SYN. */
  irs = 0;
  readonly iss: number;
  readonly #clock: VirtualClock;
  readonly #hooks: SocketHooks;
  /** First place that is not acknowledged, next to be sent, and the one behind all that was ever sent. */
  #una = 0;
  #next = 0;
  #sent = 0;
  /** Behind the last byte of data that was written. */
  #end = 1;
  #finWanted = false;
  /** Next place of the other end's stream. */
  #expected = 0;
  #peerHasClosed = false;
  #peerWindow = WINDOW;
  /** That this end offers. */
  #window = WINDOW;
  #retransmitUs = RETRANSMIT_US_MIN;
  #tries = 0;
  #cancel: Cancel | null = null;
  #challengedUs = -CHALLENGE_US;

  constructor(clock: VirtualClock, iss: number, state: "syn-sent" | "syn-received" | "established", hooks: SocketHooks) {
    this.#clock = clock;
    this.iss = iss;
    this.state = state;
    this.#hooks = hooks;
  }

  /** Sends a SYN, with the first `early` bytes of data in it. */
  connect(early: number): void {
    this.#end = 1 + early;
    this.#retransmit();
  }

  /** Takes a SYN, and answers it. `early`: whether data in it are taken too. */
  accept(segment: Segment, early: boolean, window = WINDOW): void {
    this.irs = segment.seq;
    this.#window = window;
    this.#expected = 1;
    if (early && segment.payload.length > 0 && this.#verify(segment.payload, 1)) this.#expected += segment.payload.length;
    this.#retransmit();
    if (this.#expected > 1) this.#hooks.onReceived(this.#expected - 1);
  }

  /** Takes over a connection of which no state was kept until this segment came (a SYN cookie). */
  adopt(segment: Segment): void {
    this.irs = (segment.seq - 1) >>> 0;
    this.#una = this.#next = this.#sent = 1;
    this.#expected = 1;
    this.receive(segment);
  }

  get isLive(): boolean {
    return this.state !== "closed" && this.state !== "time-wait";
  }

  /** Bytes that have come in. */
  get received(): number {
    return Math.max(0, this.#expected - 1 - (this.#peerHasClosed ? 1 : 0));
  }

  /** Lets the stream be `total` bytes long, if it is not longer. */
  write(total: number): void {
    this.#end = Math.max(this.#end, 1 + total);
    this.#flush();
  }

  /** Nothing more is written. */
  close(): void {
    if (this.#finWanted) return;
    this.#finWanted = true;
    if (this.state === "established") this.state = "fin-wait-1";
    else if (this.state === "close-wait") this.state = "last-ack";
    this.#flush();
  }

  abort(): void {
    if (!this.isLive) return;
    this.#send(RST | ACK, this.#sent, NO_PAYLOAD);
    this.#finish("closed");
  }

  /** Is no more, and says nothing. */
  vanish(): void {
    this.#stop();
    this.state = "closed";
  }

  /** Asks whether the other end is there: a segment that is out of the window, so that it must be answered. */
  probe(): void {
    if (["established", "close-wait", "fin-wait-2"].includes(this.state)) this.#send(ACK, this.#una - 1, NO_PAYLOAD);
  }

  /** Offers room again. */
  open(): void {
    this.#window = WINDOW;
    if (this.isLive) this.#acknowledge();
  }

  receive(segment: Segment): void {
    if (this.state === "closed") return;
    if (this.state === "syn-sent") return this.#receiveAnswer(segment);
    const place = (segment.seq - this.irs) | 0;
    if (segment.flags & RST) {
      if (Math.abs(place - this.#expected) < RST_WINDOW) this.#finish("refused");
      return;
    }
    if (segment.flags & SYN) {
      // Its own SYN once more is answered as before; any other is challenged (RFC 5961).
      if (this.state === "syn-received" && segment.seq === this.irs) return this.#retransmit();
      return this.#challenge();
    }
    if (!(segment.flags & ACK)) return;
    const acknowledged = (segment.ack - this.iss) | 0;
    if (acknowledged > this.#sent) {
      // A late SYN of a connection that is over has opened this one.
      if (this.state === "syn-received") return this.#refuse(segment.ack);
      return this.#challenge();
    }
    if (this.state === "syn-received" && acknowledged >= 1) {
      this.state = this.#finWanted ? "fin-wait-1" : "established";
      this.#hooks.onConnected();
    }
    this.#onAcknowledged(acknowledged, segment.window);
    this.#onText(segment, place);
  }

  /** While a SYN waits for its answer. */
  #receiveAnswer({ flags, seq, ack, window }: Segment): void {
    const acknowledged = (ack - this.iss) | 0;
    const fits = (flags & ACK) !== 0 && acknowledged >= 1 && acknowledged <= this.#sent;
    if (flags & RST) {
      if (fits) this.#finish("refused");
      return;
    }
    if (flags & ACK && !fits) {
      // Someone speaks of an older connection between the same ends.
      return this.#refuse(ack);
    }
    if ((flags & (SYN | ACK)) !== (SYN | ACK)) return;
    this.irs = seq;
    this.#expected = 1;
    this.state = this.#finWanted ? "fin-wait-1" : "established";
    this.#onAcknowledged(acknowledged, window);
    this.#acknowledge();
    this.#hooks.onConnected();
  }

  #onAcknowledged(place: number, window: number): void {
    const wasShut = this.#peerWindow === 0;
    this.#peerWindow = window;
    if (place > this.#una) {
      this.#una = place;
      this.#next = Math.max(this.#next, place);
      this.#tries = 0;
      this.#retransmitUs = RETRANSMIT_US_MIN;
      this.#stop();
      if (this.#finIsAcknowledged) this.#afterFin();
      else if (place === this.#end) this.#hooks.onDrained();
    } else if (wasShut && window > 0) {
      this.#next = this.#una;
    }
    if (this.isLive) this.#flush();
  }

  get #finIsAcknowledged(): boolean {
    return this.#finWanted && this.#una === this.#end + 1;
  }

  #afterFin(): void {
    if (this.state === "fin-wait-1") this.state = "fin-wait-2";
    else if (this.state === "closing") this.#wait();
    else if (this.state === "last-ack") this.#finish("closed");
  }

  /** Data and FIN. */
  #onText({ flags, payload }: Segment, place: number): void {
    if (this.state === "closed") return;
    const length = payload.length + (flags & FIN ? 1 : 0);
    // A keep-alive or window probe, which has no data, is answered too.
    if (length === 0) return place < this.#expected ? this.#challenge() : undefined;
    if (place !== this.#expected || this.#peerHasClosed) return this.#acknowledge();
    if (payload.length > 0) {
      if (this.#window === 0) return this.#acknowledge();
      if (!this.#verify(payload, place)) return this.#hooks.onCorrupt();
      this.#expected += payload.length;
      this.#acknowledge();
      this.#hooks.onReceived(this.#expected - 1);
    }
    if (!(flags & FIN) || !this.isLive) return;
    this.#expected += 1;
    this.#peerHasClosed = true;
    if (this.state === "established" || this.state === "syn-received") this.state = "close-wait";
    else if (this.state === "fin-wait-1") this.state = "closing";
    else if (this.state === "fin-wait-2") this.#wait();
    this.#acknowledge();
    this.#hooks.onPeerClosed();
  }

  #verify(payload: Uint8Array, place: number): boolean {
    return payload.every((byte, i) => byte === patternAt(this.irs, place + i));
  }

  #wait(): void {
    this.state = "time-wait";
    this.#stop();
    this.#hooks.onEnded("closed");
    this.#cancel = this.#clock.after(TIME_WAIT_US, () => {
      this.state = "closed";
    });
  }

  #finish(how: Ending): void {
    if (this.state === "closed") return;
    const waited = this.state === "time-wait";
    this.#stop();
    this.state = "closed";
    if (!waited) this.#hooks.onEnded(how);
  }

  /** From behind all that was sent: an older place would be taken for a probe, and answered. */
  #acknowledge(): void {
    this.#send(ACK, this.#sent, NO_PAYLOAD);
  }

  /** Answers what is out of place, but not always, or two ends that do not agree would go on for ever (as Linux:
   *  `tcp_invalid_ratelimit`). */
  #challenge(): void {
    if (this.#clock.now - this.#challengedUs < CHALLENGE_US) return;
    this.#challengedUs = this.#clock.now;
    this.#acknowledge();
  }

  #refuse(ack: number): void {
    this.#hooks.transmit({ flags: RST, seq: ack, ack: 0, window: 0, payload: NO_PAYLOAD });
  }

  /** Sends what may be sent, and sees to it that it is sent again. */
  #flush(): void {
    if (this.state === "syn-sent" || this.state === "syn-received" || !this.isLive) return;
    const last = this.#end + (this.#finWanted ? 1 : 0);
    while (this.#next < last && this.#next - this.#una < FLIGHT_MAX * SEGMENT_BYTES_MAX && this.#peerWindow > 0) {
      const bytes = Math.min(SEGMENT_BYTES_MAX, this.#end - this.#next);
      const fin = this.#finWanted && this.#next + bytes === this.#end;
      this.#send(fin ? ACK | FIN : ACK, this.#next, this.#text(bytes));
      this.#next += bytes + (fin ? 1 : 0);
    }
    if (this.#una < last && this.#cancel === null) this.#later();
  }

  #later(): void {
    this.#cancel = this.#clock.after(this.#retransmitUs, () => {
      this.#cancel = null;
      this.#tries++;
      if (this.#tries > (this.state === "syn-received" ? HALF_OPEN_TRIES_MAX : TRIES_MAX)) return this.#finish("gave-up");
      this.#retransmitUs = Math.min(2 * this.#retransmitUs, RETRANSMIT_US_MAX);
      this.#retransmit();
    });
  }

  /** The first segment that is not acknowledged, once more; what comes behind it follows. */
  #retransmit(): void {
    if (this.state === "syn-sent" || this.state === "syn-received") {
      const early = this.state === "syn-sent" ? this.#text(this.#end - 1, 1) : NO_PAYLOAD;
      this.#send(this.state === "syn-sent" ? SYN : SYN | ACK, 0, early);
      this.#next = 1;
      if (this.#cancel === null) this.#later();
      return;
    }
    if (this.#peerWindow === 0) this.#send(ACK, this.#una - 1, NO_PAYLOAD);
    this.#next = this.#una;
    this.#flush();
    if (this.#cancel === null && this.isLive) this.#later();
  }

  #text(bytes: number, from = this.#next): Uint8Array {
    const text = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) text[i] = patternAt(this.iss, from + i);
    return text;
  }

  #send(flags: number, place: number, payload: Uint8Array): void {
    const length = payload.length + (flags & (SYN | FIN) ? 1 : 0);
    this.#sent = Math.max(this.#sent, place + length);
    const ack = this.state === "syn-sent" ? 0 : (this.irs + this.#expected) >>> 0;
    this.#hooks.transmit({ flags, seq: (this.iss + place) >>> 0, ack, window: this.#window, payload });
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}

/** The byte at a place of the stream that begins with `isn`. */
function patternAt(isn: number, place: number): number {
  return Math.imul(isn + place, 0x9e3779b1) >>> 24;
}

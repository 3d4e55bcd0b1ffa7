/**
 * A tunnel at its client: a handshake, and then bursts of datagrams both ways with silences between them, in which
 * keep-alives go. Datagrams may be lost, and are counted; what may not be is an answer of a host that has not got the
 * session.
 */
import { US_PER_MS, US_PER_SECOND } from "../clock.ts";
import { type ClientContext, type ClientEnd, openEnd } from "../client-context.ts";
import type { ConnectionRecord } from "../ledger.ts";
import type { Datagram } from "../netstack.ts";
import { type Count, decodeMessage, type Message } from "./message.ts";
import { KEEP_ALIVE_US, TunnelSide } from "./side.ts";

const ASK_AGAIN_US = US_PER_SECOND;
/** From the last datagram of a burst to the question what became of it: those that are on their way arrive. */
const SETTLE_US = 200 * US_PER_MS;
/** A peer that was not heard for so long is gone: its keep-alives are more frequent. */
const DEAF_US = 3 * KEEP_ALIVE_US;

type Phase = "opening" | "burst" | "checking" | "silent" | "closing" | "over";

export class TunnelClient {
  readonly #context: ClientContext;
  readonly #record: ConnectionRecord;
  readonly #end: ClientEnd;
  readonly #side: TunnelSide;
  /** The session's index here. */
  readonly #own: number;
  /** The session's index at the server; null: not yet. */
  #server: number | null = null;
  #phase: Phase = "opening";
  #next = 0;
  #lastHeardUs = 0;

  constructor(context: ClientContext, record: ConnectionRecord) {
    this.#context = context;
    this.#record = record;
    this.#own = context.random.between(1, 0xffff_ffff);
    this.#end = openEnd(context, record, record.plan.client, (datagram) => this.#receive(datagram));
    this.#side = new TunnelSide({
      clock: context.clock,
      side: "client",
      send: (bytes) => this.#end.socket.send(this.#end.path, bytes),
    });
    context.ledger.opened(record, this.#end.path.localPort);
    this.#repeat("opening", () => this.#side.sendTo(this.#own, { type: "INITIATION" }));
  }

  /** Does it now, and again and again while the phase is the same. */
  #repeat(phase: Phase, act: () => void): void {
    this.#phase = phase;
    const turn = this.#next;
    const step = (): void => {
      if (this.#phase !== phase || this.#next !== turn) return;
      act();
      this.#context.clock.after(ASK_AGAIN_US, step);
    };
    step();
  }

  #receive({ data }: Datagram): void {
    const message = decodeMessage(data);
    if (!message) return this.#record.break("corrupt", this.#context.clock.now);
    if (message.type === "UNKNOWN") return this.#strange(message);
    // An answer to a handshake that was repeated: another host may have made a session of it too.
    if (message.type === "RESPONSE") return this.#established(message.session, message);
    if (message.index !== this.#own || !this.#side.isNew(message)) return;
    this.#lastHeardUs = this.#context.clock.now;
    switch (message.type) {
      case "DATA":
        if (this.#side.receive(message.burst.number)) this.#record.bytes += message.payload.length;
        return;
      case "CHECKED":
        return this.#checked(message);
      case "CLOSED":
        return this.#closed();
      default:
        return;
    }
  }

  #strange({ index }: Message): void {
    if (index !== this.#server || this.#phase === "over") return;
    this.#record.break("reset", this.#context.clock.now);
    this.#finish();
  }

  #established(session: number, message: Message): void {
    if (this.#phase !== "opening" || message.index !== this.#own) return;
    const { clock } = this.#context;
    this.#server = session;
    this.#lastHeardUs = clock.now;
    this.#side.isNew(message);
    this.#side.establish(session);
    this.#record.outcome = "open";
    this.#record.establishedUs = clock.now;
    this.#burst();
    this.#listen();
  }

  #burst(): void {
    const { exchanges, keeps } = this.#record.plan;
    const number = this.#next++;
    if (number >= exchanges.length && !keeps) return this.#close();
    const { exchange } = exchanges[number % exchanges.length]!;
    this.#turn(false);
    this.#phase = "burst";
    this.#side.begin({ number, exchange }, () => {
      this.#context.clock.after(SETTLE_US, () => {
        if (this.#phase === "burst") this.#repeat("checking", () => this.#side.send({ type: "CHECK", ...this.#side.count }));
      });
    });
  }

  #checked({ burst, sent, received }: Count): void {
    const mine = this.#side.count;
    if (this.#phase !== "checking" || burst !== mine.burst) return;
    this.#record.datagramsLost += Math.max(0, mine.sent - received) + Math.max(0, sent - mine.received);
    const { exchanges } = this.#record.plan;
    const { silenceUs } = exchanges[burst % exchanges.length]!;
    this.#phase = "silent";
    this.#turn(silenceUs > 0);
    if (silenceUs === 0) return this.#burst();
    this.#context.clock.after(silenceUs, () => {
      if (this.#phase === "silent") this.#burst();
    });
  }

  /** Looks after a tunnel that is silent: one whose peer is gone is not. */
  #listen(): void {
    const { clock } = this.#context;
    if (this.#phase === "over") return;
    if (clock.now - this.#lastHeardUs > DEAF_US) this.#record.silent = false;
    clock.after(KEEP_ALIVE_US, () => this.#listen());
  }

  #close(): void {
    this.#record.outcome = "closing";
    this.#repeat("closing", () => this.#side.send({ type: "CLOSE" }));
  }

  #closed(): void {
    const record = this.#record;
    if (record.outcome === "closing") record.outcome = "done";
    else if (record.outcome === "open") record.break("corrupt", this.#context.clock.now);
    this.#finish();
  }

  #finish(): void {
    this.#phase = "over";
    this.#side.end();
    this.#end.socket.close();
  }

  #turn(silent: boolean): void {
    this.#record.silent = silent;
    this.#record.lastActionUs = this.#context.clock.now;
  }
}

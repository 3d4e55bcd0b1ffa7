/** A node that answers by script: what it is asked, and what of it is lost, is in the test's hands. */
import { decodeAnswer } from "../../host/management/envelope.ts";
import { Records } from "../../host/management/records.ts";
import type { ManagementChannel } from "../../host/management/channel.ts";
import type { Layout } from "../../host/engine/layout.ts";
import type { VirtualClock } from "../supervisor/clock.ts";

export interface Asked {
  readonly type: string;
  readonly sequence: number;
  readonly chunk: number;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** What becomes of a request: the answer's status, or nothing at all. `delayMs` default 1; `copies` default 1. */
export interface Reply {
  readonly status?: string;
  readonly detail?: number;
  readonly lastSequence?: number;
  readonly delayMs?: number;
  readonly copies?: number;
  readonly lost?: boolean;
}

export class ScriptedNode implements ManagementChannel {
  readonly layout: Layout;
  readonly asked: Asked[] = [];
  /** By the number of the request. */
  script: (asked: Asked, number: number) => Reply = () => ({});
  readonly #records: Records;
  readonly #clock: VirtualClock;
  /** A stream knows no request: an answer, be it late, goes to who asked last. */
  #onAnswer: (answer: Uint8Array) => void = () => undefined;

  constructor(layout: Layout, clock: VirtualClock) {
    this.layout = layout;
    this.#clock = clock;
    this.#records = new Records(layout);
  }

  request(message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void {
    const field = (name: string): number => this.#records.number(message, "Envelope", 0, name);
    const asked: Asked = {
      type: this.layout.nameOf("Message", field("type"))!,
      sequence: field("sequence"),
      chunk: field("chunk"),
      bytes: message.slice(),
      at: this.#clock.now(),
    };
    this.#onAnswer = onAnswer;
    const reply = this.script(asked, this.asked.length);
    this.asked.push(asked);
    if (reply.lost) return;
    const answer = message.slice(0, this.#records.size("Envelope"));
    this.#records.write(answer, "Envelope", 0, {
      flags: this.#records.code("EnvelopeFlag", "ANSWER"),
      length: 0,
      status: this.#records.code("Status", reply.status ?? "OK"),
      detail: reply.detail ?? 0,
      lastSequence: reply.lastSequence ?? 0,
    });
    if (decodeAnswer(this.#records, answer) === null) throw new Error("the script's answer is no answer");
    for (let copy = 0; copy < (reply.copies ?? 1); copy++) {
      this.#clock.after((reply.delayMs ?? 1) * (copy + 1), () => this.#onAnswer(answer));
    }
  }
}

/**
 * Requests and answers over a channel that may lose, delay or repeat them. One message is in flight at a time; a
 * request that is not answered in time is sent again with the same bytes, which the image answers again without doing
 * it twice. Sequence numbers go on from what the image says that it took last. When another image comes to run at the
 * other end, what was encoded for the old one ends with NO_ANSWER.
 */
import type { Cancel, Clock, ManagementChannel } from "./channel.ts";
import { type Answer, decodeAnswer, encodeRequest, type Request } from "./envelope.ts";
import { Records } from "./records.ts";
import { NO_ANSWER } from "./status.ts";

/** Longer than a request can be on its way in ms, its repetitions and new beginnings counted in. */
export const LATE_MS_MAX = 5_000;

export interface ExchangeOptions {
  /** Before a request is sent again. Default 50. */
  readonly answerMs?: number;
  /** Times that it is sent. Default 5. */
  readonly attempts?: number;
}

/** Every request was answered OK: the answers, in order. Otherwise what the first one that failed was refused with. */
export type Outcome =
  | { readonly ok: true; readonly answers: readonly Answer[] }
  | { readonly ok: false; readonly status: string; readonly detail: number; readonly done: readonly Answer[] };

/** Requests that belong together: they go out in order, and the first refusal ends them. */
interface Job {
  readonly requests: readonly Request[];
  /** That the requests were encoded by. */
  readonly records: Records;
  readonly onDone: (outcome: Outcome) => void;
  answers: Answer[];
  /** Times that it may still be begun anew. */
  restartsLeft: number;
}

const HELLO: Request = { type: "HELLO", payload: new Uint8Array(0) };
const RESTARTS_MAX = 3;
/** The image has seen another sequence, or lost the chunks that it had: nothing of the job is in force. */
const RESTARTABLE = new Set(["STALE_SEQUENCE", "BAD_CHUNK"]);

export class Exchange {
  readonly #clock: Clock;
  readonly #channel: ManagementChannel;
  readonly #answerMs: number;
  readonly #attempts: number;
  readonly #jobs: Job[] = [];
  /** Last sequence used. None is used twice: a request that was given up may still arrive. */
  #sequence = 0;
  #records: Records;
  /** Whether the image's sequence is known; if not, HELLO comes first. */
  #greeted = false;
  #hellos = 0;
  #busy = false;

  constructor(clock: Clock, channel: ManagementChannel, options: ExchangeOptions = {}) {
    this.#records = new Records(channel.layout);
    this.#clock = clock;
    this.#channel = channel;
    this.#answerMs = options.answerMs ?? 50;
    this.#attempts = options.attempts ?? 5;
  }

  /** Those of the image that is at the other end now: always ask anew. */
  get records(): Records {
    const { layout } = this.#channel;
    if (layout !== this.#records.layout) {
      this.#records = new Records(layout);
      this.#greeted = false;
    }
    return this.#records;
  }

  /** Sends the requests after all that were given before. `records`: those that they were encoded by. */
  run(requests: readonly Request[], onDone: (outcome: Outcome) => void, records = this.records): void {
    this.#jobs.push({ requests, records, onDone, answers: [], restartsLeft: RESTARTS_MAX });
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const job = this.#jobs[0];
    if (!job) return;
    const request = job.requests[job.answers.length];
    if (!request) return this.#finish(job, { ok: true, answers: job.answers });
    if (job.records !== this.records) return this.#fail(job, NO_ANSWER, 0);
    if (!this.#greeted) return this.#greet(job);
    this.#sequence++;
    this.#transmit(job, request, this.#sequence, (answer) => {
      if (answer === null) return this.#fail(job, NO_ANSWER, 0);
      if (answer.status === "OK") job.answers.push(answer);
      else if (RESTARTABLE.has(answer.status) && job.restartsLeft > 0) this.#restart(job);
      else return this.#fail(job, answer.status, answer.detail);
      this.#next();
    });
  }

  /** Learns where the image's sequence is. */
  #greet(job: Job): void {
    this.#hellos++;
    this.#transmit(job, HELLO, this.#hellos, (answer) => {
      if (answer === null) return this.#fail(job, NO_ANSWER, 0);
      if (answer.status !== "OK") return this.#fail(job, answer.status, answer.detail);
      this.#sequence = Math.max(this.#sequence, answer.lastSequence);
      this.#greeted = true;
      this.#next();
    });
  }

  #restart(job: Job): void {
    job.restartsLeft--;
    job.answers = [];
    this.#greeted = false;
  }

  #fail(job: Job, status: string, detail: number): void {
    if (status === NO_ANSWER) this.#greeted = false;
    this.#finish(job, { ok: false, status, detail, done: job.answers });
  }

  #finish(job: Job, outcome: Outcome): void {
    this.#jobs.shift();
    // What `onDone` asks for comes after what is waiting.
    this.#busy = true;
    job.onDone(outcome);
    this.#busy = false;
    this.#next();
  }

  /** Sends until there is an answer (null: there was none, or there will be none that could be read). */
  #transmit({ records }: Job, request: Request, sequence: number, onAnswer: (answer: Answer | null) => void): void {
    this.#busy = true;
    const bytes = encodeRequest(records, sequence, request);
    const type = records.code("Message", request.type);
    let attemptsLeft = this.#attempts;
    let cancel: Cancel = () => undefined;
    let open = true;
    const close = (answer: Answer | null): void => {
      open = false;
      cancel();
      this.#busy = false;
      onAnswer(answer);
    };
    const send = (): void => {
      if (attemptsLeft-- === 0 || records !== this.records) return close(null);
      cancel = this.#clock.after(this.#answerMs, send);
      this.#channel.request(bytes, (reply) => {
        if (!open || records !== this.records) return;
        const answer = decodeAnswer(records, reply);
        if (answer?.sequence === sequence && answer.type === type) close(answer);
      });
    };
    send();
  }
}

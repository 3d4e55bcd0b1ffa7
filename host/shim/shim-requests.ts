/** Requests and answers on one link to a shim: it answers each, in their order. */
import { DobbsError } from "../errors.ts";
import { decodeError } from "../transport/error-frame.ts";
import { FRAME_KIND, type Frame } from "../transport/frame.ts";
import { linkError } from "../transport/link-error.ts";
import type { Link } from "../transport/link.ts";

/** A shim's answers are at most so long. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** What a client of a shim takes. */
export const SHIM_KINDS = [FRAME_KIND.MESSAGE, FRAME_KIND.IMAGE, FRAME_KIND.STATUS, FRAME_KIND.FLASH, FRAME_KIND.ERROR];

/** The payload of the answer, or what the shim refused with. */
export type OnShimAnswer = (answer: Uint8Array | DobbsError) => void;

interface Waiting {
  readonly kind: number;
  readonly onAnswer: OnShimAnswer;
}

/** Requests that are under way at once. A session repeats what was not answered: a shim that hangs must not collect
 *  what it will answer all at once. */
const WAITING_MAX = 64;

export class ShimRequests {
  readonly #link: Link;
  readonly #answerMs: number;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** `answerMs`: the link is closed when an answer takes longer. Give `take` each frame of the link, and call `end` when
   *  it is closed. */
  constructor(link: Link, answerMs: number) {
    this.#link = link;
    this.#answerMs = answerMs;
  }

  /** False: too many are under way, or the link is closed; there will be no answer. */
  ask(kind: number, payload: Uint8Array, onAnswer: OnShimAnswer, answerMs = this.#answerMs): boolean {
    if (this.#waiting.length >= WAITING_MAX || !this.#link.send(kind, payload)) return false;
    this.#waiting.push({ kind, onAnswer });
    if (this.#waiting.length === 1) this.#watch(answerMs);
    return true;
  }

  take({ kind, payload }: Frame): void {
    const refusal = kind === FRAME_KIND.ERROR ? decodeError(payload) : null;
    const waiting = this.#waiting.shift();
    // A refusal of nothing that was asked: the link is being closed, and says why.
    if (!waiting && refusal) return;
    if (!waiting || (!refusal && kind !== waiting.kind)) {
      const what = waiting ? `a request of kind ${waiting.kind} was answered by kind ${kind}` : "the shim answers what nobody asked";
      return this.#link.close(linkError("E_LINK_KIND", what));
    }
    this.#watch(this.#answerMs);
    waiting.onAnswer(refusal ?? payload);
  }

  /** Nothing more comes. */
  end(): void {
    this.#waiting.length = 0;
    this.#watch(0);
  }

  /** The oldest request has from now on so long to be answered. */
  #watch(answerMs: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = this.#waiting.length === 0 ? null : setTimeout(() => this.#late(answerMs), answerMs);
  }

  #late(answerMs: number): void {
    this.#link.close(linkError("E_LINK_TIMEOUT", `the shim has not answered for ${answerMs} ms`));
  }
}

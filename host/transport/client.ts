/** A link that is opened anew whenever it is gone. */
import type { DobbsError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";
import { connectLink } from "./connect.ts";
import type { Frame } from "./frame.ts";
import type { Link, LinkLimits } from "./link.ts";
import type { Role } from "./peer.ts";
import type { LinkWord } from "./word.ts";

export type LinkClientState = "connecting" | "open" | "waiting" | "stopped";

export interface LinkClientOptions extends LinkLimits {
  readonly word: LinkWord;
  readonly credentials: Credentials | null;
  readonly serverRole: Role;
  /** Each time that the link is there. Send what opens the conversation. */
  readonly onOpen: (link: Link) => void;
  readonly onFrame: (frame: Frame, link: Link) => void;
  /** Each time that it is gone, before the next attempt. */
  readonly onClose?: () => void;
  /** Why there is no link; a problem that stays the same is told once. */
  readonly onProblem?: (problem: DobbsError) => void;
  /** From 0 to 1; for the jitter. */
  readonly random?: () => number;
}

const WAIT_FIRST_MS = 50;
const WAIT_MAX_MS = 2_000;
/** A link that lasts less is no success: the other end takes the connection, and then refuses it. */
const LASTING_MS = 1_000;

export class LinkClient {
  readonly #options: LinkClientOptions;
  #state: LinkClientState = "waiting";
  #link: Link | null = null;
  #waitMs = WAIT_FIRST_MS;
  #toldProblem = "";
  /** Ends what is under way: an attempt, or the wait for the next one. */
  #cancel: () => void = () => undefined;

  /** Throws E_TLS_MISSING when the word needs credentials. */
  constructor(options: LinkClientOptions) {
    this.#options = options;
    this.#connect();
  }

  get state(): LinkClientState {
    return this.#state;
  }

  /** Null: there is none at the moment. */
  get link(): Link | null {
    return this.#link;
  }

  /** For good. */
  stop(): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.#cancel();
    this.#link?.close();
    this.#link = null;
  }

  #connect(): void {
    const { word, credentials, ...options } = this.#options;
    this.#state = "connecting";
    this.#cancel = connectLink(word, credentials, {
      ...options,
      onOpen: (link) => this.#opened(link),
      onFail: (problem) => this.#wait(problem),
    });
  }

  #opened(link: Link): void {
    this.#state = "open";
    this.#cancel = () => undefined;
    this.#link = link;
    const lasting = setTimeout(() => {
      this.#waitMs = WAIT_FIRST_MS;
      this.#toldProblem = "";
    }, LASTING_MS);
    link.onFrame = (frame) => this.#options.onFrame(frame, link);
    link.onClose = (reason) => {
      clearTimeout(lasting);
      if (this.#state === "stopped") return;
      this.#link = null;
      this.#options.onClose?.();
      this.#wait(reason);
    };
    this.#options.onOpen(link);
  }

  #wait(problem: DobbsError | null): void {
    // `onClose` may have stopped this.
    if (this.#state === "stopped") return;
    this.#state = "waiting";
    if (problem) this.#tell(problem);
    const { random = Math.random } = this.#options;
    const timer = setTimeout(() => this.#connect(), this.#waitMs * (0.5 + random() / 2));
    this.#cancel = () => clearTimeout(timer);
    this.#waitMs = Math.min(2 * this.#waitMs, WAIT_MAX_MS);
  }

  #tell(problem: DobbsError): void {
    const text = `${problem.code} ${problem.message}`;
    if (text === this.#toldProblem) return;
    this.#toldProblem = text;
    this.#options.onProblem?.(problem);
  }
}

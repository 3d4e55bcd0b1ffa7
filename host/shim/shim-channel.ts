/**
 * The management channel to a shim, over a link that is opened anew whenever it breaks. Each time the shim is first
 * asked for its image's layout: another one may run by now. While there is no link, requests are dropped: who asked
 * repeats them.
 */
import type { BundleInfo } from "../bundle/bundle.ts";
import type { Layout } from "../engine/layout.ts";
import { DobbsError } from "../errors.ts";
import type { ManagementChannel } from "../management/channel.ts";
import { LinkClient } from "../transport/client.ts";
import type { Credentials } from "../transport/credentials.ts";
import { FRAME_KIND } from "../transport/frame.ts";
import type { Link } from "../transport/link.ts";
import type { LinkWord } from "../transport/word.ts";
import { decodeImage, type ShimImage } from "./answers.ts";
import { ANSWER_BYTES_MAX, SHIM_KINDS, ShimRequests } from "./shim-requests.ts";

export interface ShimChannelOptions {
  readonly word: LinkWord;
  readonly credentials: Credentials | null;
  /** The layout is known, or is another one than before. */
  readonly onLayout?: (layout: Layout, bundle: BundleInfo) => void;
  /** Each time that requests can go through, after `onLayout`. */
  readonly onConnect?: (bundle: BundleInfo) => void;
  /** Requests are dropped from now on. */
  readonly onDisconnect?: () => void;
  /** Why there is no connection, or what the shim refused; one that stays the same is told once. */
  readonly onProblem?: (problem: DobbsError) => void;
  /** The link is opened anew when an answer takes longer. Default 5,000. */
  readonly answerMs?: number;
}

const ANSWER_MS = 5_000;
const NOTHING = new Uint8Array(0);

export class ShimChannel implements ManagementChannel {
  readonly #options: ShimChannelOptions;
  readonly #client: LinkClient;
  #image: ShimImage | null = null;
  /** Of the link that is there. */
  #requests: ShimRequests | null = null;
  /** The image that runs at the other end of this link is known. */
  #ready = false;
  #toldProblem = "";

  /** Throws E_TLS_MISSING when the word needs credentials. */
  constructor(options: ShimChannelOptions) {
    this.#options = options;
    this.#client = new LinkClient({
      word: options.word,
      credentials: options.credentials,
      serverRole: "shim",
      kinds: SHIM_KINDS,
      maxPayload: ANSWER_BYTES_MAX,
      onOpen: (link) => this.#opened(link),
      onFrame: (frame) => this.#requests?.take(frame),
      onClose: () => this.#closed(),
      onProblem: (problem) => this.#tell(problem),
    });
  }

  /** Of the image that ran when the shim was last asked: another object each time. Throws before it has answered once:
   *  wait for `onLayout`. */
  get layout(): Layout {
    if (this.#image) return this.#image.layout;
    throw new Error("the shim has not answered yet, so its image's layout is not known");
  }

  /** Of the image that ran when the shim was last asked; null before it has answered once. */
  get bundle(): BundleInfo | null {
    return this.#image?.bundle ?? null;
  }

  /** Whether requests go through. */
  get connected(): boolean {
    return this.#ready;
  }

  request(message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void {
    if (!this.#ready) return;
    this.#requests?.ask(FRAME_KIND.MESSAGE, message, (answer) => {
      if (answer instanceof DobbsError) this.#tell(answer);
      else onAnswer(answer);
    });
  }

  /** For good. */
  close(): void {
    this.#client.stop();
    this.#closed();
  }

  #opened(link: Link): void {
    const requests = new ShimRequests(link, this.#options.answerMs ?? ANSWER_MS);
    this.#requests = requests;
    requests.ask(FRAME_KIND.IMAGE, NOTHING, (answer) => {
      try {
        if (answer instanceof DobbsError) throw answer;
        this.#learn(decodeImage(answer));
      } catch (error) {
        if (!(error instanceof DobbsError)) throw error;
        link.close(error);
      }
    });
  }

  #learn(image: ShimImage): void {
    const same = this.#image?.layoutKey === image.layoutKey;
    // Another layout, though it be equal: the shim may have been started anew, and who has sent it half of something
    // must not go on with the other half.
    this.#image = image;
    this.#ready = true;
    this.#toldProblem = "";
    if (!same) this.#options.onLayout?.(image.layout, image.bundle);
    // Whoever was just told may have closed this.
    if (this.#ready) this.#options.onConnect?.(image.bundle);
  }

  #closed(): void {
    this.#requests?.end();
    this.#requests = null;
    if (!this.#ready) return;
    this.#ready = false;
    this.#options.onDisconnect?.();
  }

  #tell(problem: DobbsError): void {
    const text = `${problem.code} ${problem.message}`;
    if (text === this.#toldProblem) return;
    this.#toldProblem = text;
    this.#options.onProblem?.(problem);
  }
}

/** A traffic manager's end of its link to the appliance manager, opened anew whenever it is gone. */
import { DobbsError } from "../errors.ts";
import { APPLIANCE_MANAGER, type ManagerMessage, type PeerMessage, type Report } from "../supervisor/messages.ts";
import type { Peers } from "../supervisor/environment.ts";
import { LinkClient } from "../transport/client.ts";
import type { Credentials } from "../transport/credentials.ts";
import { FRAME_KIND, type Frame } from "../transport/frame.ts";
import { linkError } from "../transport/link-error.ts";
import type { Link } from "../transport/link.ts";
import type { LinkWord } from "../transport/word.ts";
import type { Charter } from "./charter.ts";
import { asOrder, asPeerMessage } from "./message-schema.ts";
import { peerError } from "./peer-error.ts";
import { decodeToBlade, encodePeerWords, PEER_BYTES_MAX, PING_MS, QUEUED_BYTES_MAX, SILENT_MS, type ToBlade } from "./peer-schema.ts";

export interface PeerClientOptions {
  readonly word: LinkWord;
  readonly credentials: Credentials | null;
  readonly blade: string;
  readonly release: string;
  /** At each joining, and when it changes. It may be the one that is known. */
  readonly onCharter: (charter: Charter) => void;
  /** From the appliance manager, or from a blade. */
  readonly receive: (from: string, message: ManagerMessage) => void;
  /** The appliance manager is gone. */
  readonly onLeave?: () => void;
  /** Why there is no link; one that stays the same is told once. */
  readonly onProblem: (problem: DobbsError) => void;
}

export class PeerClient implements Peers<Report | PeerMessage> {
  readonly #options: PeerClientOptions;
  readonly #client: LinkClient;
  readonly #pings: NodeJS.Timeout;
  /** Whether the charter has come on the link that is there. */
  #joined = false;

  /** Throws E_TLS_MISSING when the word needs credentials. */
  constructor(options: PeerClientOptions) {
    this.#options = options;
    const { word, credentials, onProblem, blade, release } = options;
    this.#client = new LinkClient({
      word,
      credentials,
      serverRole: "manager",
      kinds: [FRAME_KIND.PEER, FRAME_KIND.ERROR],
      maxPayload: PEER_BYTES_MAX,
      maxQueued: QUEUED_BYTES_MAX,
      silentMs: SILENT_MS,
      onOpen: (link) => void link.send(FRAME_KIND.PEER, encodePeerWords({ type: "join", blade, release })),
      onFrame: (frame, link) => this.#take(frame, link),
      onClose: () => this.#left(),
      onProblem,
    });
    this.#pings = setInterval(() => this.#client.link?.send(FRAME_KIND.PEER, encodePeerWords({ type: "ping" })), PING_MS);
  }

  get joined(): boolean {
    return this.#joined;
  }

  /** To the appliance manager or a blade; it is lost while there is no link. */
  send(to: string, message: Report | PeerMessage): void {
    if (this.#joined) this.#client.link?.send(FRAME_KIND.PEER, encodePeerWords({ type: "message", to, message }));
  }

  /** For good. */
  stop(): void {
    clearInterval(this.#pings);
    this.#client.stop();
    this.#joined = false;
  }

  #take({ kind, payload }: Frame, link: Link): void {
    // Why the other end closes: LinkClient tells it.
    if (kind === FRAME_KIND.ERROR) return;
    let act: () => void;
    try {
      act = this.#actionOf(decodeToBlade(payload));
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      return link.close(error);
    }
    act();
  }

  /** What is to be done about it; throws what the appliance manager is to be told. */
  #actionOf(words: ToBlade): () => void {
    const { blade, onCharter, receive } = this.#options;
    if (words.type === "charter") {
      const { charter } = words;
      if (charter.blade.name !== blade) throw linkError("E_LINK_PAYLOAD", `the charter is that of ${charter.blade.name}`);
      this.#joined = true;
      return () => onCharter(charter);
    }
    if (!this.#joined) throw peerError("E_PEER_JOIN", `the appliance manager says "${words.type}" before the charter`);
    if (words.type === "ping") return () => undefined;
    const { from } = words;
    const message = from === APPLIANCE_MANAGER ? asOrder(words.message) : asPeerMessage(words.message, from);
    if (message === null) throw linkError("E_LINK_PAYLOAD", `no message of ${from} to a traffic manager`);
    return () => receive(from, message);
  }

  #left(): void {
    if (!this.#joined) return;
    this.#joined = false;
    this.#options.onLeave?.();
  }
}

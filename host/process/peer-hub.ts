/**
 * The appliance manager's end of the links to the traffic managers. It tells each who it is (its charter), takes in what
 * it reports, and passes on what traffic managers tell each other: they have links to nobody else.
 */
import { DobbsError } from "../errors.ts";
import { APPLIANCE_MANAGER, type ManagerMessage, type Order, type Report } from "../supervisor/messages.ts";
import type { Peers } from "../supervisor/environment.ts";
import type { Credentials } from "../transport/credentials.ts";
import { FRAME_KIND } from "../transport/frame.ts";
import { linkError } from "../transport/link-error.ts";
import type { Link } from "../transport/link.ts";
import { listenLink, type LinkListener } from "../transport/listen.ts";
import type { LinkPeer } from "../transport/peer.ts";
import type { LinkWord } from "../transport/word.ts";
import type { Charter } from "./charter.ts";
import type { LogJournal } from "./log-journal.ts";
import { asPeerMessage, asReport } from "./message-schema.ts";
import { peerError } from "./peer-error.ts";
import {
  decodeToManager,
  encodePeerWords,
  PEER_BYTES_MAX,
  PING_MS,
  QUEUED_BYTES_MAX,
  SILENT_MS,
  type PeerWords,
  type ToManager,
} from "./peer-schema.ts";
import { Seldom } from "./seldom.ts";

export interface PeerHubOptions {
  /** Where it listens. */
  readonly words: readonly LinkWord[];
  /** For TLS words. */
  readonly credentials: Credentials | null;
  /** What a blade is to know; null: the appliance has no such blade. */
  readonly charterOf: (blade: string) => Charter | null;
  /** A traffic manager's report. */
  readonly receive: (blade: string, report: Report) => void;
  readonly journal: LogJournal;
  /** Links at once; default 1,024. */
  readonly maxLinks?: number;
  /** It listens; `word` has the real port where 0 was asked for. */
  readonly onListening?: (word: LinkWord) => void;
  /** E_LINK_IN_USE or E_LINK_BIND: it cannot listen there. */
  readonly onFail: (problem: DobbsError) => void;
}

const LINKS_MAX = 1_024;
type Action = () => void;
const PING: PeerWords = { type: "ping" };

export class PeerHub implements Peers<Order> {
  readonly #options: PeerHubOptions;
  readonly #listeners: LinkListener[] = [];
  readonly #links = new Map<string, Link>();
  /** As last sent on that link. */
  readonly #charters = new WeakMap<Link, string>();
  readonly #pings: NodeJS.Timeout;
  readonly #seldom = new Seldom(performance);

  /** Throws E_TLS_MISSING when a word needs credentials. */
  constructor(options: PeerHubOptions) {
    this.#options = options;
    for (const word of options.words) this.#listeners.push(this.#listen(word));
    this.#pings = setInterval(() => {
      for (const link of this.#links.values()) say(link, PING);
    }, PING_MS);
  }

  /** Blades whose traffic managers are there. */
  get blades(): string[] {
    return [...this.#links.keys()].sort();
  }

  /** To a traffic manager; it is lost when that is not there. */
  send(blade: string, message: Order): void {
    this.#pass(APPLIANCE_MANAGER, blade, message);
  }

  /** Sends new charters to those that have another one, after what they say has changed. */
  update(): void {
    for (const [blade, link] of this.#links) {
      const charter = this.#options.charterOf(blade);
      if (charter) this.#sendCharter(link, charter);
      else link.close(peerError("E_PEER_BLADE", `the appliance has no blade "${blade}" any more`));
    }
  }

  /** `onClosed`: its addresses are free again. */
  close(onClosed: () => void = () => undefined): void {
    clearInterval(this.#pings);
    let open = this.#listeners.length;
    const closed = (): void => {
      if (--open === 0) onClosed();
    };
    if (open === 0) return onClosed();
    for (const listener of this.#listeners) listener.close(closed);
  }

  #listen(word: LinkWord): LinkListener {
    const { credentials, onFail, onListening, maxLinks = LINKS_MAX } = this.#options;
    return listenLink(word, credentials, {
      kinds: [FRAME_KIND.PEER, FRAME_KIND.ERROR],
      maxPayload: PEER_BYTES_MAX,
      maxQueued: QUEUED_BYTES_MAX,
      silentMs: SILENT_MS,
      maxLinks,
      accept: refuseRole,
      onLink: (link) => this.#greet(link),
      onProblem: (problem, from) => this.#refused(problem, from),
      onFail,
      ...(onListening && { onListening }),
    });
  }

  /** Until it has said who it is. */
  #greet(link: Link): void {
    link.onClose = (reason) => {
      if (reason) this.#refused(reason, null);
    };
    this.#onWords(link, (words) => {
      if (words.type !== "join") throw peerError("E_PEER_JOIN", `it says "${words.type}" before it has joined`);
      const { blade, release } = words;
      if (link.peer && link.peer.name !== blade) {
        throw peerError("E_PEER_NAME", `it joins as ${blade} with the certificate of ${link.peer.name}`);
      }
      const charter = this.#options.charterOf(blade);
      if (charter === null) throw peerError("E_PEER_BLADE", `the appliance has no blade "${blade}"`);
      return () => this.#join(blade, release, link, charter);
    });
  }

  #join(blade: string, release: string, link: Link, charter: Charter): void {
    const { journal } = this.#options;
    const before = this.#links.get(blade);
    this.#links.set(blade, link);
    before?.close(peerError("E_PEER_REPLACED", `another traffic manager has joined as ${blade}`));
    link.onClose = (reason) => {
      if (this.#links.get(blade) !== link) return;
      this.#links.delete(blade);
      if (reason) journal.warn("peer-left", reason, { blade });
      else journal.note("peer-left", { blade });
    };
    this.#onWords(link, (words) => this.#take(blade, words));
    journal.note("peer-joined", { blade, release });
    this.#sendCharter(link, charter);
  }

  #take(blade: string, words: ToManager): Action {
    if (words.type === "ping") return () => undefined;
    if (words.type === "join") throw peerError("E_PEER_JOIN", `${blade} has joined already`);
    const isForManager = words.to === APPLIANCE_MANAGER;
    const refusal = linkError("E_LINK_PAYLOAD", `no message of a traffic manager to ${words.to}`);
    if (isForManager) {
      const report = asReport(words.message);
      if (report === null) throw refusal;
      return () => this.#options.receive(blade, report);
    }
    const message = asPeerMessage(words.message, blade);
    if (message === null) throw refusal;
    return () => this.#pass(blade, words.to, message);
  }

  #refused(problem: DobbsError, from: string | null): void {
    if (!this.#seldom.isNews(`${problem.code} ${problem.message} ${from}`)) return;
    this.#options.journal.warn("peer-refused", problem, from === null ? {} : { from });
  }

  /** What `take` throws closes the link, and is told to the other end. What comes out of it is done then; an error of
   *  that is not the other end's fault. */
  #onWords(link: Link, take: (words: ToManager) => Action): void {
    link.onFrame = ({ kind, payload }) => {
      // Why the other end closes, which `onClose` gets.
      if (kind === FRAME_KIND.ERROR) return;
      let act: Action;
      try {
        act = take(decodeToManager(payload));
      } catch (error) {
        if (!(error instanceof DobbsError)) throw error;
        return link.close(error);
      }
      act();
    };
  }

  #pass(from: string, to: string, message: ManagerMessage): void {
    const link = this.#links.get(to);
    if (link) say(link, { type: "message", from, message });
  }

  #sendCharter(link: Link, charter: Charter): void {
    const text = JSON.stringify(charter);
    if (this.#charters.get(link) === text) return;
    this.#charters.set(link, text);
    say(link, { type: "charter", charter });
  }
}

function refuseRole({ role, name }: LinkPeer): DobbsError | null {
  if (role === "blade") return null;
  return linkError("E_LINK_PEER", `the certificate is for the ${role} ${name}, and only traffic managers (blade) have business here`);
}

function say(link: Link, words: PeerWords): void {
  link.send(FRAME_KIND.PEER, encodePeerWords(words));
}

/**
 * A traffic manager as a program of its own: joins the appliance manager, which tells it who it is; connects to its
 * blade's shim; and runs the traffic manager whenever it knows both. Any of the three may go and come back.
 */
import { DobbsError } from "../errors.ts";
import { ShimChannel } from "../shim/shim-channel.ts";
import { InetDiagSockets } from "../sockets/inet-diag.ts";
import type { Clock, Journal, ManagementChannel } from "../supervisor/environment.ts";
import { TrafficManager } from "../supervisor/traffic-manager.ts";
import { openSwitchDriver } from "../switches/open.ts";
import type { Credentials } from "../transport/credentials.ts";
import type { LinkWord } from "../transport/word.ts";
import { bladeIdentity, sharedIdentity, type Charter } from "./charter.ts";
import { HostLoad } from "./host-load.ts";
import type { LogJournal } from "./log-journal.ts";
import { PeerClient } from "./peer-client.ts";
import { LazySwitchChannel } from "./switch-channels.ts";

export interface BladeProgramOptions {
  readonly blade: string;
  /** Its blade's shim. */
  readonly shim: LinkWord;
  /** The appliance manager. */
  readonly manager: LinkWord;
  readonly credentials: Credentials | null;
  /** For the switches' shims, while it leads. */
  readonly switchCredentials: Credentials | null;
  /** Paths of network namespaces, by owner. The others' sockets are in this program's own. */
  readonly netns: ReadonlyMap<string, string>;
  readonly queueMs: number;
  readonly clock: Clock;
  readonly journal: LogJournal;
  readonly release: string;
  /** It cannot do its work, and has stopped: E_SOCKETS_*, E_NETNS_OWNER, E_LINK_WORD, E_TLS_MISSING, E_SWITCH_HASH. */
  readonly onFail: (problem: DobbsError) => void;
}

/** What works for one charter. */
interface Post {
  readonly manager: TrafficManager;
  readonly close: () => void;
}

export class BladeProgram {
  readonly #options: BladeProgramOptions;
  readonly #peers: PeerClient;
  readonly #shim: ShimChannel;
  #charter: { readonly value: Charter; readonly text: string } | null = null;
  #post: Post | null = null;
  #stopped = false;

  /** Throws E_TLS_MISSING when a word needs credentials. */
  constructor(options: BladeProgramOptions) {
    this.#options = options;
    const { blade, shim, manager, credentials, journal, release } = options;
    this.#shim = new ShimChannel({
      word: shim,
      credentials,
      onLayout: () => this.#guarded(() => this.#newLayout()),
      onConnect: ({ version, digest }) => {
        journal.note("shim-connected", { blade, version, digest: digest.slice(0, 12) });
        this.#post?.manager.reconnected();
      },
      onDisconnect: () => journal.note("shim-gone", { blade }),
      onProblem: (problem) => journal.warn("shim-problem", problem, { blade }),
    });
    try {
      this.#peers = new PeerClient({
        word: manager,
        credentials,
        blade,
        release,
        onCharter: (charter) => this.#guarded(() => this.#newCharter(charter)),
        receive: (from, message) => this.#post?.manager.receive(from, message),
        onLeave: () => journal.note("manager-gone", { blade }),
        onProblem: (problem) => journal.warn("manager-problem", problem, { blade }),
      });
    } catch (error) {
      this.#shim.close();
      throw error;
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#leavePost();
    this.#peers.stop();
    this.#shim.close();
  }

  /** Messages are encoded by it. */
  #newLayout(): void {
    this.#leavePost();
    this.#takePost();
  }

  #newCharter(charter: Charter): void {
    const { journal, blade } = this.#options;
    const text = JSON.stringify(charter);
    const known = this.#charter?.text === text;
    journal.note("manager-joined", { blade, appliance: charter.appliance, charter: known ? "known" : "new" });
    if (known) return;
    this.#charter = { value: charter, text };
    this.#leavePost();
    this.#takePost();
  }

  /** Once both are known: the charter, and the image that the shim runs. */
  #takePost(): void {
    if (!this.#charter || !this.#shim.bundle) return;
    const { journal, blade } = this.#options;
    this.#post = this.#makePost(this.#charter.value);
    this.#post.manager.start();
    journal.note("working", { blade, owners: this.#charter.value.blade.owners.map(({ name }) => name).join(" ") });
  }

  #leavePost(): void {
    this.#post?.manager.stop();
    this.#post?.close();
    this.#post = null;
  }

  #makePost(charter: Charter): Post {
    const { blade, clock, journal } = this.#options;
    const open: { close(): void }[] = [];
    const opened = <T extends { close(): void }>(thing: T): T => {
      open.push(thing);
      return thing;
    };
    let isOpen = true;
    const close = (): void => {
      isOpen = false;
      open.forEach((thing) => thing.close());
    };
    const shim = this.#shim;
    // A manager that has left its post may wait for an answer yet. What it makes of having none is nothing to log, and
    // what it still wants to ask may be in the layout of another image.
    const quiet: Journal = { note: (event, details) => (isOpen ? journal.note(event, details) : undefined) };
    const channel: ManagementChannel = {
      get layout() {
        return shim.layout;
      },
      request: (message, onAnswer) => (isOpen ? shim.request(message, onAnswer) : undefined),
    };
    try {
      this.#checkNetns(charter);
      const owners = charter.blade.owners.map((owner) => ({ ...owner, sockets: opened(this.#socketsOf(owner.name, charter)) }));
      const surroundings = {
        clock,
        identity: sharedIdentity(charter),
        channelTo: (word: string) => opened(this.#switchChannel(word)),
      };
      const load = new HostLoad();
      const manager = new TrafficManager({
        blade,
        clock,
        channel,
        owners,
        identity: bladeIdentity(charter),
        services: charter.services,
        connectionIds: charter.connectionIds,
        filters: charter.filters,
        forward: charter.forward,
        switches: charter.switches.map((spec) => openSwitchDriver(spec, surroundings)),
        peers: this.#peers,
        journal: quiet,
        load: () => load.sample(),
        timing: charter.timing,
      });
      return { manager, close };
    } catch (error) {
      close();
      throw error;
    }
  }

  #checkNetns({ blade }: Charter): void {
    const names = blade.owners.map(({ name }) => name);
    const stranger = [...this.#options.netns.keys()].find((name) => !names.includes(name));
    if (stranger === undefined) return;
    const mend = `Correct --netns: the owners on ${blade.name} are ${names.join(", ")}.`;
    throw new DobbsError("E_NETNS_OWNER", `there is no owner "${stranger}" on the blade ${blade.name}`, mend);
  }

  #socketsOf(owner: string, { vips }: Charter): InetDiagSockets {
    const { clock, journal, netns, queueMs } = this.#options;
    const path = netns.get(owner);
    const onProblem = (problem: DobbsError | null): void => {
      if (problem) journal.warn("sockets-unread", problem, { owner });
      else journal.note("sockets-read", { owner });
    };
    const onCookieProblem = (problem: DobbsError | null): void => {
      if (problem) journal.warn("cookies-unread", problem, { owner });
      else journal.note("cookies-read", { owner });
    };
    return new InetDiagSockets({ clock, vips, queueMs, onProblem, onCookieProblem, ...(path !== undefined && { netns: path }) });
  }

  #switchChannel(word: string): LazySwitchChannel {
    const { clock, journal, switchCredentials } = this.#options;
    return new LazySwitchChannel(word, switchCredentials, clock, (problem) => journal.warn("switch-problem", problem, { link: word }));
  }

  /** What a user has caused stops the program; it says why. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      this.stop();
      this.#options.onFail(error);
    }
  }
}

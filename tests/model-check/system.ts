/**
 * The appliance in the model: the blades, their fabric, the clients and the appliance manager. A state is some numbers; what
 * follows from one state is written into `next`, one after another.
 *
 * The fabric loses, delays and reorders as it likes. A SYN that was sent may arrive at any time, as often as it likes, at
 * every blade that a switch of any generation would send it to; so may an ACK while its connection lives.
 */
import { Blades } from "./blade.ts";
import { nameOf, type Step } from "./blade-state.ts";
import { bladesIn, type Configuration, type Weakening } from "./configuration.ts";
import type { Ipds } from "./ipd.ts";
import { Segment } from "./ipd-state.ts";
import { Managers, nameOfBlade } from "./manager.ts";

/** Redirects that a frame may take. */
const REDIRECTS_MAX = 5;
const TAGS = ["DIRECT", "HOP1", "HOP2", "HOP3", "RESTEER", "FINAL"];
const SEGMENT_NAMES = ["SYN", "ACK", "FIN"];

const Client = { IDLE: 0, SYN_SENT: 1, ESTABLISHED: 2, CLOSING: 3, CLOSED: 4 } as const;
/** A client: state (3 bits), the blade that it is connected to (3), incarnation (1), SYNs sent, a bit an incarnation (2). */
const CLIENT_BITS = 9;
const CLIENT_MASK = 0x1ff;
const CLIENT_STATE_MASK = 7;
const CLIENT_OWNER_SHIFT = 3;
const CLIENT_OWNER_MASK = 7;
const CLIENT_INCARNATION_SHIFT = 6;
const CLIENT_SYNS_SHIFT = 7;

/** By sender, a handover list on its way: its generation (3 bits, 0: none), a bit a tuple (2). */
const LIST_BITS = 5;
const LIST_MASK = 0x1f;

/** A redirected frame: segment (2 bits), tuple (1), incarnation (1), tag (3), generation (3), target (3), redirects (3). */
const FRAME_BITS = 16;
const FRAME_MASK = 0xffff;
const FRAME_TARGET_SHIFT = 10;
const FRAME_TARGET_MASK = 7;
const FRAME_REDIRECTS_SHIFT = 13;

export class System {
  /** Numbers of a state: the blades', the frames on their way, the clients, the appliance manager, handover lists on their way. */
  readonly words: number;
  readonly next: Uint32Array;
  /** What has led to `next`, while `isTracing`. */
  text = "";
  isTracing = false;
  /** What must never be, and is in `next`. */
  violation: string | null = null;
  readonly #blades: Blades;
  readonly #managers: Managers;
  readonly #configuration: Configuration;
  readonly #weakening: Weakening | null;
  readonly #state: Uint32Array;
  readonly #bladeCount: number;
  /** Places of the numbers behind the blades'. */
  readonly #net: number;
  readonly #clients: number;
  readonly #manager: number;
  readonly #lists: number;
  #emit: () => void = () => undefined;

  constructor(ipds: Ipds, configuration: Configuration, weakening: Weakening | null) {
    this.#configuration = configuration;
    this.#weakening = weakening;
    this.#bladeCount = bladesIn(configuration);
    this.#net = this.#bladeCount;
    this.#clients = this.#net + 1;
    this.#manager = this.#clients + 1;
    this.#lists = this.#manager + 1;
    this.words = this.#lists + (configuration.lists ? 1 : 0);
    this.next = new Uint32Array(this.words);
    this.#state = new Uint32Array(this.words);
    this.#blades = new Blades(ipds, configuration, weakening);
    this.#managers = new Managers(configuration, weakening);
  }

  initial(): Uint32Array {
    const state = new Uint32Array(this.words);
    for (let blade = 0; blade < this.#bladeCount; blade++) state[blade] = this.#blades.initial(blade, 1, [0]);
    state[this.#manager] = this.#managers.initial();
    return state;
  }

  /** States of single blades, and of the appliance manager, that were met. */
  get parts(): { readonly blades: number; readonly managers: number } {
    return { blades: this.#blades.states.length, managers: this.#managers.states.length };
  }

  /** Calls `emit` for all that may follow from the state at `from` in `states`. */
  successors(states: Uint32Array, from: number, emit: () => void): void {
    const state = this.#state;
    for (let word = 0; word < this.words; word++) state[word] = states[from + word]!;
    this.#emit = emit;
    if (this.#isOver()) return;
    this.#managerSteps();
    for (let tuple = 0; tuple < this.#configuration.tuples; tuple++) this.#clientSteps(tuple);
    this.#fabricSteps();
    if (this.#configuration.lists) this.#listSteps();
    for (let blade = 0; blade < this.#bladeCount; blade++) this.#bladeSteps(blade);
  }

  /** No connection is left that anything could happen to. */
  #isOver(): boolean {
    for (let tuple = 0; tuple < this.#configuration.tuples; tuple++) {
      const client = this.#client(tuple);
      if ((client & CLIENT_STATE_MASK) !== Client.CLOSED || ((client >> CLIENT_INCARNATION_SHIFT) & 1) + 1 < this.#configuration.incarnations) return false;
    }
    return true;
  }

  /** `next` is the state once more. */
  #again(): void {
    this.next.set(this.#state);
    this.violation = null;
  }

  #say(text: () => string): void {
    if (this.isTracing) this.text = text();
  }

  #client(tuple: number): number {
    return (this.#state[this.#clients]! >>> (tuple * CLIENT_BITS)) & CLIENT_MASK;
  }

  #setClient(tuple: number, client: number): void {
    const shift = tuple * CLIENT_BITS;
    this.next[this.#clients] = ((this.next[this.#clients]! & ~(CLIENT_MASK << shift)) | (client << shift)) >>> 0;
  }

  #managerSteps(): void {
    const number = this.#state[this.#manager]!;
    const { histories, displaced } = this.#managers.states[number]!;
    const unheard = this.#unheard();
    for (const { after, text, fenced } of unheard === null ? this.#managers.decisions(number) : []) {
      this.#again();
      this.next[this.#manager] = after;
      if (fenced !== null && this.#weakening !== "no-fence") this.next[fenced] = this.#blades.gone(this.#state[fenced]!);
      this.#say(() => text);
      this.#emit();
    }
    for (let blade = 0; blade < this.#bladeCount; blade++) {
      if (this.#blades.states[this.#state[blade]!]!.gone) continue;
      const { generation } = this.#blades.ipd(this.#state[blade]!);
      for (let newer = generation + 1; newer <= histories.length; newer++) {
        if (unheard !== null && unheard !== blade && newer >= displaced[unheard]!) break;
        const history = histories[newer - 1]!;
        this.#again();
        this.next[blade] = this.#blades.install(this.#state[blade]!, newer, historyNumber(history), history);
        this.#say(() => `${nameOfBlade(blade)} has generation ${newer} put in force`);
        this.#emit();
      }
    }
  }

  /** The owner that has fallen off a full history and has not put that in force: until it has, the appliance manager has nobody else do
   *  so, and goes on to nothing else. */
  #unheard(): number | null {
    if (this.#weakening === "forced-without-an-answer") return null;
    const { displaced } = this.#managers.states[this.#state[this.#manager]!]!;
    const unheard = displaced.findIndex((generation, blade) => {
      const number = this.#state[blade]!;
      return generation > 0 && !this.#blades.states[number]!.gone && this.#blades.ipd(number).generation < generation;
    });
    return unheard < 0 ? null : unheard;
  }

  #clientSteps(tuple: number): void {
    const client = this.#client(tuple);
    const { close, fin, incarnations, oldSyns } = this.#configuration;
    const state = client & CLIENT_STATE_MASK;
    const incarnation = (client >> CLIENT_INCARNATION_SHIFT) & 1;
    const syns = client >> CLIENT_SYNS_SHIFT;
    const become = (text: string, after: number): void => {
      this.#again();
      this.#setClient(tuple, after);
      this.#say(() => `client: ${text}`);
      this.#emit();
    };
    const name = nameOf(tuple);
    // After the last connection of a tuple nothing of it matters.
    const closed = clientOf(Client.CLOSED, 0, incarnation, incarnation + 1 < incarnations ? syns : 0);
    // Which connection comes first does not matter: it is A.
    if (state === Client.IDLE && (tuple === 0 || (this.#client(tuple - 1) & CLIENT_STATE_MASK) !== Client.IDLE)) {
      become(`sends ${this.#nameOf(Segment.SYN)} of ${name(0)}`, clientOf(Client.SYN_SENT, 0, 0, 1));
    }
    if (state === Client.CLOSED && incarnation + 1 < incarnations) {
      const sent = (oldSyns ? syns : 0) | (1 << (incarnation + 1));
      become(`uses the tuple anew, and sends SYN of ${name(incarnation + 1)}`, clientOf(Client.SYN_SENT, 0, incarnation + 1, sent));
    }
    for (let of = 0; of < incarnations; of++) {
      if ((syns >> of) & 1) this.#arrivals(Segment.SYN, tuple, of);
    }
    const owner = (client >> CLIENT_OWNER_SHIFT) & CLIENT_OWNER_MASK;
    if (state === Client.ESTABLISHED) {
      this.#arrivals(Segment.ACK, tuple, incarnation);
      if (fin) become(`closes ${name(incarnation)}`, clientOf(Client.CLOSING, owner, incarnation, syns));
    }
    if (state === Client.CLOSING) {
      this.#arrivals(Segment.FIN, tuple, incarnation);
      const isOver = !this.#blades.has(this.#state[owner]!, tuple, incarnation) || this.#blades.socket(this.#state[owner]!, tuple) === 3;
      if (isOver) become(`has closed ${name(incarnation)}`, closed);
    }
    if (close && state !== Client.IDLE && state !== Client.CLOSED) {
      become(`gives ${name(incarnation)} up`, closed);
    }
  }

  /** A segment from a switch, at each blade that a switch may send it to. */
  #arrivals(segment: number, tuple: number, incarnation: number): void {
    for (const blade of this.#managers.targets(this.#state[this.#manager]!)) {
      this.#again();
      this.#arrive(blade, frameOf(segment, tuple, incarnation, 0, 0, blade, 0));
    }
  }

  #fabricSteps(): void {
    const first = this.#state[this.#net]! & FRAME_MASK;
    const second = this.#state[this.#net]! >>> FRAME_BITS;
    for (const frame of [first, second]) {
      if (frame === 0) continue;
      this.#again();
      this.next[this.#net] = frame === first ? second : first;
      this.#arrive((frame >> FRAME_TARGET_SHIFT) & FRAME_TARGET_MASK, frame);
    }
  }

  /** A list may be late and come again, until its sender has sent another one. Which blade is to have it, the image says. */
  #listSteps(): void {
    for (let sender = 0; sender < this.#bladeCount; sender++) {
      const list = (this.#state[this.#lists]! >>> (sender * LIST_BITS)) & LIST_MASK;
      if (list === 0) continue;
      for (let blade = 0; blade < this.#bladeCount; blade++) {
        const before = this.#state[blade]!;
        if (blade === sender || this.#blades.states[before]!.gone) continue;
        const after = this.#blades.takeList(before, sender, list & 7, list >> 3);
        if (after === before) continue;
        this.#again();
        this.next[blade] = after;
        this.#say(() => `${nameOfBlade(blade)} takes the list of ${nameOfBlade(sender)}`);
        this.#emit();
      }
    }
  }

  /** `frame` comes to a blade; `next` is the state without it. */
  #arrive(blade: number, frame: number): void {
    const { next } = this;
    const before = this.#state[blade]!;
    if (this.#blades.states[before]!.gone) return;
    const segment = frame & 3;
    const tuple = (frame >> 2) & 1;
    const incarnation = (frame >> 3) & 1;
    const generation = (frame >> 7) & 7;
    const tag = TAGS[(frame >> 4) & 7]!;
    if (this.#weakening === "fail-open-after-a-trap") this.#failOpen(blade, segment, tuple, incarnation);
    const key = frame & 0x3ff;
    const { after, verdict, redirect } = this.#blades.arrive(before, key, { segment, tuple, incarnation, tag, generation });
    next[blade] = after;
    if (redirect !== null) {
      const redirects = (frame >> FRAME_REDIRECTS_SHIFT) + 1;
      if (redirects > REDIRECTS_MAX) this.violation = "a frame is redirected a sixth time";
      const kind = TAGS.indexOf(redirect.kind);
      this.#say(() => `${nameOfBlade(blade)} gets ${this.#describe(frame)}: ${redirect.kind} to ${nameOfBlade(redirect.target)}`);
      this.#send(frameOf(segment, tuple, incarnation, kind, redirect.generation, redirect.target, Math.min(redirects, 7)));
      return;
    }
    this.#say(() => `${nameOfBlade(blade)} gets ${this.#describe(frame)}: ${verdict}`);
    if (verdict === "DELIVER") this.#judge(blade, segment, tuple, incarnation);
    this.#emit();
  }

  #failOpen(blade: number, segment: number, tuple: number, incarnation: number): void {
    const { next } = this;
    next[blade] = this.#blades.failOpen(this.#state[blade]!, segment, tuple, incarnation);
    this.#say(() => `${nameOfBlade(blade)}'s image traps, and its host gets the ${SEGMENT_NAMES[segment]!} of ${nameOf(tuple)(incarnation)}`);
    this.#judge(blade, segment, tuple, incarnation);
    this.#emit();
    this.violation = null;
  }

  /** A segment is delivered: is it of a live connection of another host? */
  #judge(blade: number, segment: number, tuple: number, incarnation: number): void {
    if (this.#configuration.udp) return this.#judgeDatagram(blade, tuple);
    if (segment === Segment.SYN) return;
    const client = this.#client(tuple);
    const state = client & CLIENT_STATE_MASK;
    const owner = (client >> CLIENT_OWNER_SHIFT) & CLIENT_OWNER_MASK;
    if ((state !== Client.ESTABLISHED && state !== Client.CLOSING) || ((client >> CLIENT_INCARNATION_SHIFT) & 1) !== incarnation) return;
    if (owner === blade || this.#isCut(owner) || !this.#blades.has(this.#state[owner]!, tuple, incarnation)) return;
    const name = nameOf(tuple)(incarnation);
    this.violation = `${name} lives at ${nameOfBlade(owner)}, and ${nameOfBlade(blade)}'s host answers its ${SEGMENT_NAMES[segment]!} with a RST`;
  }

  /** A datagram is delivered: is it of a flow of another host that is not over? */
  #judgeDatagram(blade: number, tuple: number): void {
    for (let owner = 0; owner < this.#bladeCount; owner++) {
      if (owner === blade || this.#isCut(owner) || !this.#blades.has(this.#state[owner]!, tuple, 0)) continue;
      this.violation = `${nameOf(tuple)(null)} lives at ${nameOfBlade(owner)}, and ${nameOfBlade(blade)}'s host gets a datagram of it`;
    }
  }

  /** Its connections end by what the appliance manager has done to it. */
  #isCut(owner: number): boolean {
    const { failed, cut, displaced } = this.#managers.states[this.#state[this.#manager]!]!;
    return failed[owner]! || cut[owner]! || displaced[owner]! > 0;
  }

  /** Puts a frame on its way. When there is no room, it is lost, or another one is. */
  #send(frame: number): void {
    const { next } = this;
    const first = next[this.#net]! & FRAME_MASK;
    const second = next[this.#net]! >>> FRAME_BITS;
    const isLost = this.#blades.states[next[(frame >> FRAME_TARGET_SHIFT) & FRAME_TARGET_MASK]!]!.gone || first === frame || second === frame;
    if (!isLost && this.#configuration.inFlight > 1 && second === 0) next[this.#net] = pair(frame, first);
    else if (!isLost) {
      if (first !== 0) this.#emit();
      if (second !== 0) {
        next[this.#net] = pair(frame, second);
        this.#emit();
      }
      next[this.#net] = this.#configuration.inFlight > 1 ? pair(frame, first) : frame;
    }
    this.#emit();
  }

  #bladeSteps(blade: number): void {
    for (const step of this.#blades.steps(this.#state[blade]!)) this.#bladeStep(blade, step);
  }

  #bladeStep(blade: number, { after, text, event, violation }: Step): void {
    const { next } = this;
    this.#again();
    next[blade] = after;
    this.violation = violation;
    if (event !== null) {
      if (event.kind === "drained") {
        next[this.#manager] = this.#managers.reported(next[this.#manager]!, blade, event.generation);
      } else if (event.kind === "syn-ack") {
        const client = this.#client(event.tuple);
        if ((client & CLIENT_STATE_MASK) !== Client.SYN_SENT || ((client >> CLIENT_INCARNATION_SHIFT) & 1) !== event.incarnation) return;
        this.#setClient(event.tuple, clientOf(Client.ESTABLISHED, blade, event.incarnation, client >> CLIENT_SYNS_SHIFT));
      } else if (event.kind === "list") {
        const shift = blade * LIST_BITS;
        const list = event.generation | (event.flows << 3);
        next[this.#lists] = ((next[this.#lists]! & ~(LIST_MASK << shift)) | (list << shift)) >>> 0;
      } else if (event.kind === "challenged") {
        const client = this.#client(event.tuple);
        if ((client & CLIENT_STATE_MASK) !== Client.SYN_SENT || ((client >> CLIENT_INCARNATION_SHIFT) & 1) !== event.incarnation) return;
      } else if (event.kind === "if-abandoned") {
        const client = this.#client(event.tuple);
        const isAlive = (client & CLIENT_STATE_MASK) === Client.ESTABLISHED || (client & CLIENT_STATE_MASK) === Client.CLOSING;
        if (isAlive && ((client >> CLIENT_INCARNATION_SHIFT) & 1) === event.incarnation && ((client >> CLIENT_OWNER_SHIFT) & CLIENT_OWNER_MASK) === blade) return;
      }
    }
    this.#say(() => `${nameOfBlade(blade)}: ${text}`);
    this.#emit();
  }

  #nameOf(segment: number): string {
    return this.#configuration.udp ? "a datagram" : SEGMENT_NAMES[segment]!;
  }

  #describe(frame: number): string {
    const what = `${this.#nameOf(frame & 3)} of ${nameOf((frame >> 2) & 1)((frame >> 3) & 1)}`;
    const tag = TAGS[(frame >> 4) & 7]!;
    return tag === "DIRECT" ? `${what} from a switch` : `${what} with ${tag} of generation ${(frame >> 7) & 7}`;
  }
}

/** Two frames (0: none) in one number, the smaller one first; one alone stands first. */
function pair(frame: number, other: number): number {
  if (other === 0) return frame;
  return (frame < other ? frame | (other << FRAME_BITS) : other | (frame << FRAME_BITS)) >>> 0;
}

function clientOf(state: number, owner: number, incarnation: number, syns: number): number {
  return state | (owner << CLIENT_OWNER_SHIFT) | (incarnation << CLIENT_INCARNATION_SHIFT) | (syns << CLIENT_SYNS_SHIFT);
}

function frameOf(
  segment: number,
  tuple: number,
  incarnation: number,
  tag: number,
  generation: number,
  target: number,
  redirects: number,
): number {
  return segment | (tuple << 2) | (incarnation << 3) | (tag << 4) | (generation << 7) | (target << FRAME_TARGET_SHIFT) | (redirects << FRAME_REDIRECTS_SHIFT);
}

function historyNumber(history: readonly number[]): number {
  return history.reduce((number, owner) => number * 8 + owner + 1, 0);
}

/** A client's QUIC connection: the service class `cid`. Every packet is answered, or sent again; its address may change meanwhile. */
import type { VirtualClock } from "../emulator/clock.ts";
import { CID_BYTES } from "./appliance-plan.ts";
import { mix } from "./dice.ts";
import type { End } from "./packet.ts";
import type { Take } from "./parcel.ts";
import type { QuicFlowPlan } from "./plan.ts";
import { cidText } from "./quic-connections.ts";
import { encodeQuic, type QuicFields, type QuicPacket } from "./quic-packet.ts";

const AGAIN_US = 150_000;
/** While it holds it says something, for a blade that drains does not stay for silent ones. */
const HOLD_US = 700_000;

export interface QuicWorld {
  readonly clock: VirtualClock;
  readonly send: Take;
  readonly isReleased: () => boolean;
  /** A host says that it has no such connection, or answers with another one's id. */
  onRefused(flow: QuicFlow, what: string): void;
}

export class QuicFlow {
  readonly plan: QuicFlowPlan;
  /** Where it begins. */
  readonly client: End;
  /** Packets that have been answered. */
  answered = 0;
  isOver = false;
  readonly #later: End;
  readonly #vip: End;
  readonly #world: QuicWorld;
  /** That its server has given it. */
  #id: Uint8Array | null = null;
  #sent = 0;
  #refusals = 0;

  /** `later`: the address that it changes to. */
  constructor(plan: QuicFlowPlan, client: End, later: End, vip: End, world: QuicWorld) {
    this.plan = plan;
    this.client = client;
    this.#later = later;
    this.#vip = vip;
    this.#world = world;
  }

  start(): void {
    this.#world.clock.at(this.plan.startUs, () => this.#say(0));
  }

  /** Whether it goes by this id. */
  has(id: Uint8Array): boolean {
    return this.#id !== null && cidText(this.#id) === cidText(id);
  }

  receive({ kind, number, id }: QuicPacket): void {
    if (this.isOver) return;
    if (kind === "unknown") return this.#refuse(`packet ${number} is answered by a host that has no such connection`);
    if (kind !== "reply" || number !== this.answered) return;
    this.#id ??= id;
    if (!this.has(id)) return this.#refuse(`packet ${number} is answered by another connection`);
    this.answered++;
    const { count, gapUs } = this.plan;
    const isHolding = this.answered >= count && !this.#world.isReleased();
    if (this.answered >= count && !isHolding) {
      this.isOver = true;
      return;
    }
    this.#world.clock.after(isHolding ? HOLD_US : gapUs, () => this.#say(this.answered));
  }

  #refuse(what: string): void {
    this.#world.onRefused(this, what);
    if (++this.#refusals > this.plan.patience) this.isOver = true;
  }

  #say(number: number): void {
    if (number !== this.answered || this.isOver) return;
    const { id, clientPort, vipPort, change } = this.plan;
    const count = this.#sent++;
    const hasChanged = change !== null && number >= change.from;
    const [from, port] = hasChanged ? [this.#later, change.clientPort] : [this.client, clientPort];
    const bytes = encodeQuic(from, port, this.#vip, vipPort, this.#fields(number), count);
    this.#world.send({ bytes, id: mix(id * 2, count), flow: id, redirects: 0 });
    this.#world.clock.after(AGAIN_US, () => this.#say(number));
  }

  #fields(number: number): QuicFields {
    if (this.#id === null) return { kind: "initial", number, id: clientsChoice(this.plan.id) };
    return { kind: number === 1 ? "handshake" : "data", number, id: this.#id };
  }
}

/** An id that no server has made. */
function clientsChoice(flow: number): Uint8Array {
  return Uint8Array.from({ length: CID_BYTES }, (_, at) => mix(flow, at));
}

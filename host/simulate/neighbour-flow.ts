/** Someone at a client site who wants the VIP's MAC, as a router does: asks, is answered by a blade, and asks again later. */
import type { VirtualClock } from "../emulator/clock.ts";
import { mix } from "./dice.ts";
import { encodeNeighbourQuestion, type Neighbour } from "./neighbour-packet.ts";
import type { End } from "./packet.ts";
import type { Take } from "./parcel.ts";
import type { NeighbourFlowPlan } from "./plan.ts";

/** A question that has had no answer is asked again. */
const AGAIN_US = 300_000;

export interface NeighbourWorld {
  readonly clock: VirtualClock;
  readonly send: Take;
  /** The generation that all blades have in force; null: they have not all the same. */
  readonly agreed: () => number | null;
  /** `agreed`: what that was when this answer's question was asked. */
  onAnswer(flow: NeighbourFlow, answer: Neighbour, agreed: number | null): void;
}

export class NeighbourFlow {
  readonly plan: NeighbourFlowPlan;
  readonly client: End;
  readonly vip: End;
  /** Questions that have been answered. */
  answered = 0;
  readonly #world: NeighbourWorld;
  /** By the number that its frame has: which question it was, and what all blades had in force then. */
  readonly #asked = new Map<number, { readonly question: number; readonly agreed: number | null }>();
  #sent = 0;

  constructor(plan: NeighbourFlowPlan, client: End, vip: End, world: NeighbourWorld) {
    this.plan = plan;
    this.client = client;
    this.vip = vip;
    this.#world = world;
  }

  get isOver(): boolean {
    return this.answered === this.plan.count;
  }

  start(): void {
    this.#world.clock.at(this.plan.startUs, () => this.#ask(0, this.plan.confirms));
  }

  /** `frame`: the number of the frame that is answered. */
  receive(answer: Neighbour, frame: number): void {
    const asked = this.#asked.get(frame);
    if (asked === undefined) return;
    this.#world.onAnswer(this, answer, asked.agreed);
    if (asked.question !== this.answered) return;
    this.answered++;
    if (!this.isOver) this.#world.clock.after(this.plan.gapUs, () => this.#ask(this.answered, this.plan.confirms));
  }

  #ask(question: number, unicast: boolean): void {
    if (question !== this.answered) return;
    const id = mix(this.plan.id * 2, this.#sent++);
    this.#asked.set(id, { question, agreed: this.#world.agreed() });
    this.#world.send({ bytes: encodeNeighbourQuestion(this.client, this.vip, unicast), id, flow: this.plan.id, redirects: 0 });
    this.#world.clock.after(AGAIN_US, () => this.#ask(question, false));
  }
}

/** Questions that any host may answer, one packet each, as to a name server: the service class `none`. */
import type { VirtualClock } from "../emulator/clock.ts";
import { encodeDatagram, type Datagram } from "./datagram.ts";
import { mix } from "./dice.ts";
import type { End } from "./packet.ts";
import type { Take } from "./parcel.ts";
import { sendInPieces } from "./pieces.ts";
import type { AskFlowPlan } from "./plan.ts";

/** A question that has had no answer is asked again. */
const AGAIN_US = 300_000;

export class AskFlow {
  readonly plan: AskFlowPlan;
  readonly client: End;
  /** Questions that have been answered. */
  answered = 0;
  readonly #vip: End;
  readonly #clock: VirtualClock;
  readonly #send: Take;
  #sent = 0;

  constructor(plan: AskFlowPlan, client: End, vip: End, clock: VirtualClock, send: Take) {
    this.plan = plan;
    this.client = client;
    this.#vip = vip;
    this.#clock = clock;
    this.#send = send;
  }

  get isOver(): boolean {
    return this.answered === this.plan.count;
  }

  start(): void {
    this.#clock.at(this.plan.startUs, () => this.#ask(0));
  }

  receive({ number }: Datagram): void {
    if (number !== this.answered) return;
    this.answered++;
    if (!this.isOver) this.#clock.after(this.plan.gapUs, () => this.#ask(this.answered));
  }

  #ask(question: number): void {
    if (question !== this.answered) return;
    const { id, clientPort, vipPort } = this.plan;
    const number = this.#sent++;
    const bytes = encodeDatagram(this.client, clientPort, this.#vip, vipPort, { kind: "question", number: question, session: 0 }, number);
    sendInPieces({ bytes, id: mix(id * 2, number), flow: id, redirects: 0 }, this.plan.pieces, number, this.#clock, this.#send);
    this.#clock.after(AGAIN_US, () => this.#ask(question));
  }
}

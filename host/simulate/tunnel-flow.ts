/** A session over UDP with one host, as of a VPN: the service class `flow`. Every packet is answered, or sent again. */
import type { VirtualClock } from "../emulator/clock.ts";
import { encodeDatagram, type Datagram } from "./datagram.ts";
import { mix } from "./dice.ts";
import type { End } from "./packet.ts";
import type { Take } from "./parcel.ts";
import { sendInPieces } from "./pieces.ts";
import type { TunnelFlowPlan } from "./plan.ts";

const AGAIN_US = 250_000;
/** While it holds it says something, for a flow of UDP that is silent is over. */
const HOLD_US = 700_000;

export interface TunnelWorld {
  readonly clock: VirtualClock;
  readonly send: Take;
  readonly isReleased: () => boolean;
  /** A host says that it has no such session, or answers with another one's. */
  onRefused(flow: TunnelFlow, what: string): void;
}

export class TunnelFlow {
  readonly plan: TunnelFlowPlan;
  readonly client: End;
  /** Packets that have been answered. */
  answered = 0;
  isOver = false;
  readonly #vip: End;
  readonly #world: TunnelWorld;
  /** That the host has given it; 0: none yet. */
  #session = 0;
  #sent = 0;

  constructor(plan: TunnelFlowPlan, client: End, vip: End, world: TunnelWorld) {
    this.plan = plan;
    this.client = client;
    this.#vip = vip;
    this.#world = world;
  }

  start(): void {
    this.#world.clock.at(this.plan.startUs, () => this.#say(0));
  }

  receive({ kind, number, session }: Datagram): void {
    if (this.isOver) return;
    if (kind === "unknown") return this.#refuse(`packet ${number} is answered by a host that has no session`);
    if (kind !== "reply" || number !== this.answered) return;
    if (this.#session !== 0 && session !== this.#session) return this.#refuse(`packet ${number} is answered by another session`);
    this.#session = session;
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
    this.isOver = true;
    this.#world.onRefused(this, what);
  }

  #say(number: number): void {
    if (number !== this.answered || this.isOver) return;
    const { id, clientPort, vipPort } = this.plan;
    const count = this.#sent++;
    const fields = { kind: this.#session === 0 ? "open" : "data", number, session: this.#session } as const;
    const bytes = encodeDatagram(this.client, clientPort, this.#vip, vipPort, fields, count);
    sendInPieces({ bytes, id: mix(id * 2, count), flow: id, redirects: 0 }, this.plan.pieces, count, this.#world.clock, this.#world.send);
    this.#world.clock.after(AGAIN_US, () => this.#say(number));
  }
}

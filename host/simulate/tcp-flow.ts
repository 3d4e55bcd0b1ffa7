/** One client's end of a TCP connection, and what it does with it, step by step. */
import type { VirtualClock } from "../emulator/clock.ts";
import { mix } from "./dice.ts";
import type { Parcel } from "./parcel.ts";
import type { TcpFlowPlan, TcpStep } from "./plan.ts";
import { encodeTooBig } from "./icmp.ts";
import type { End } from "./packet.ts";
import { encodeSegment, type Segment, type TcpFields } from "./segment.ts";
import { serviceAt, type Service } from "./services.ts";
import { TcpSocket, type Ending } from "./tcp-socket.ts";

/** `cut`: with a blade that died, was declared failed, or was at its deadline. `refused`: by a host when no host had the
 *  connection, as when its half-open socket had given up. */
export type FlowOutcome = "waiting" | "open" | "done" | "cut" | "refused" | "gave-up";

export interface FlowWorld {
  readonly clock: VirtualClock;
  send(parcel: Parcel): void;
  /** Whether flows that hold may go on; if not, they are told later (`release`). */
  readonly isReleased: () => boolean;
  onCorrupt(flow: TcpFlow): void;
  /** `outcome` is set by whoever listens, for a client does not know why it was reset. */
  onEnded(flow: TcpFlow, how: Ending): void;
  /** The tuple may be used again. */
  onOver(flow: TcpFlow): void;
}

export class TcpFlow {
  readonly plan: TcpFlowPlan;
  readonly client: End;
  readonly iss: number;
  outcome: FlowOutcome = "waiting";
  #socket: TcpSocket | null = null;
  readonly #vip: End;
  readonly #world: FlowWorld;
  readonly #service: Service;
  #at = 0;
  #written = 0;
  #sent = 0;
  #holding = false;
  /** The last frame of the host. */
  #heard: Uint8Array | null = null;
  /** The last step that was begun. */
  #begun = -1;

  constructor(plan: TcpFlowPlan, client: End, vip: End, iss: number, world: FlowWorld) {
    this.plan = plan;
    this.client = client;
    this.iss = iss;
    this.#vip = vip;
    this.#world = world;
    this.#service = serviceAt(plan.vipPort)!;
  }

  get isOver(): boolean {
    return this.outcome !== "waiting" && this.outcome !== "open";
  }

  /** Number of the step that it is at. */
  get step(): number {
    return this.#at;
  }

  /** Whether the handshake is over, and the end has not come. */
  get isEstablished(): boolean {
    return this.outcome === "open" && this.#socket !== null && this.#socket.isLive && this.#socket.state !== "syn-sent";
  }

  /** Whether a client's socket is there to take segments, in time-wait too. */
  get hasSocket(): boolean {
    return this.#socket !== null && this.#socket.state !== "closed";
  }

  open(): void {
    const { clock } = this.#world;
    this.outcome = "open";
    this.#written = this.plan.early;
    this.#socket = new TcpSocket(clock, this.iss, "syn-sent", {
      transmit: (fields) => this.#transmit(fields),
      onConnected: () => this.#run(),
      onReceived: () => this.#run(),
      onDrained: () => undefined,
      onPeerClosed: () => this.#run(),
      onEnded: (how) => {
        if (this.outcome !== "open") return;
        this.#world.onEnded(this, how);
        this.#world.onOver(this);
      },
      onCorrupt: () => this.#world.onCorrupt(this),
    });
    this.#socket.connect(this.plan.early);
  }

  /** `frame`: that it came in. */
  receive(segment: Segment, frame: Uint8Array): void {
    this.#heard = frame;
    this.#socket?.receive(segment);
  }

  /** Those that hold go on. */
  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#next();
  }

  /** Bytes that the service has to have sent when all is over. */
  get #answer(): number {
    return this.#service.answer(this.#written) + (this.plan.steps.some((step) => step.do === "close") ? this.#service.tail : 0);
  }

  /** Whether all that the service had to send has come. */
  get isComplete(): boolean {
    return this.#socket!.received === this.#answer;
  }

  #next(): void {
    this.#at++;
    this.#run();
  }

  /** Does what the step at hand asks for, as far as it can be done now. */
  #run(): void {
    const socket = this.#socket!;
    const step: TcpStep | undefined = this.plan.steps[this.#at];
    if (step === undefined || this.outcome !== "open" || socket.state === "syn-sent" || this.#holding) return;
    const { clock } = this.#world;
    switch (step.do) {
      case "send":
      case "exchange":
        if (this.#begin()) {
          this.#written += step.bytes;
          socket.write(this.#written);
        }
        if (step.do === "send" || socket.received >= this.#service.answer(this.#written)) this.#next();
        return;
      case "pause":
        if (this.#begin()) clock.after(step.us, () => this.#next());
        return;
      case "probe":
        socket.probe();
        return this.#next();
      case "too-big":
        if (this.#heard !== null) this.#complain(this.#heard);
        return this.#next();
      case "hold":
        if (this.#world.isReleased()) return this.#next();
        this.#holding = true;
        return;
      case "await":
        if (["close-wait", "closing", "last-ack", "time-wait"].includes(socket.state)) this.#next();
        return;
      case "close":
        return socket.close();
      case "abort":
      case "vanish":
        this.outcome = "done";
        if (step.do === "abort") socket.abort();
        else socket.vanish();
        return this.#world.onOver(this);
    }
  }

  /** True the first time that the step at hand is run. */
  #begin(): boolean {
    if (this.#begun === this.#at) return false;
    this.#begun = this.#at;
    return true;
  }

  /** As the router would: the client's address stands for its. */
  #complain(frame: Uint8Array): void {
    const number = this.#sent++;
    const bytes = encodeTooBig(this.client, this.#vip, frame, number);
    this.#world.send({ bytes, id: mix(this.plan.id * 2, number), flow: this.plan.id, redirects: 0 });
  }

  #transmit(fields: TcpFields): void {
    const { plan, client } = this;
    const number = this.#sent++;
    const bytes = encodeSegment(client, plan.clientPort, this.#vip, plan.vipPort, fields, number, plan.extended);
    this.#world.send({ bytes, id: mix(plan.id * 2, number), flow: plan.id, redirects: 0 });
  }
}

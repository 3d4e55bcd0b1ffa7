/** A host's sessions over UDP: opened by a client's first packet, over when the client is silent for too long. */
import type { VirtualClock } from "../emulator/clock.ts";
import type { Datagram, DatagramFields } from "./datagram.ts";
import { mix } from "./dice.ts";
import { tupleKey } from "./packet.ts";

/** A flow of the service that is silent for so long is over: by then hosts and nodes may forget it. */
export const TUNNEL_IDLE_MS = 5_000;
/** What is that near to being over is nobody's promise any more, µs. */
const SURE_US = 3_500_000;

export class Tunnel {
  readonly id: number;
  heardUs: number;
  readonly #clock: VirtualClock;

  constructor(id: number, clock: VirtualClock) {
    this.id = id;
    this.#clock = clock;
    this.heardUs = clock.now;
  }

  /** Whether it is heard of often enough that nobody may forget it. */
  get isLive(): boolean {
    return this.#clock.now - this.heardUs < SURE_US;
  }
}

export class Tunnels {
  readonly #clock: VirtualClock;
  readonly #secret: number;
  readonly #tunnels = new Map<number, Tunnel>();
  #opened = 0;

  constructor(clock: VirtualClock, secret: number) {
    this.#clock = clock;
    this.#secret = secret;
  }

  /** What a packet is answered with. `onOpened`: a session has begun. */
  take({ kind, number, session, source, sourcePort }: Datagram, onOpened: (tunnel: Tunnel) => void): DatagramFields {
    const key = tupleKey(source, sourcePort);
    let tunnel = this.#tunnels.get(key);
    if (kind === "open" && tunnel === undefined) {
      // Not 0, which is none.
      tunnel = new Tunnel(mix(this.#secret, this.#opened++) | 1, this.#clock);
      this.#tunnels.set(key, tunnel);
      onOpened(tunnel);
    }
    if (tunnel === undefined || (kind === "data" && session !== tunnel.id >>> 0)) return { kind: "unknown", number, session };
    tunnel.heardUs = this.#clock.now;
    return { kind: "reply", number, session: tunnel.id >>> 0 };
  }
}

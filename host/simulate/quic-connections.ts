/** A host's QUIC connections, by the ids that it has given them. */
import type { MakeCid } from "../emulator/quic/cid.ts";
import type { VirtualClock } from "../emulator/clock.ts";
import { tupleKey } from "./packet.ts";
import type { QuicFields, QuicPacket } from "./quic-packet.ts";

/** A blade that drains stays until no packet has come for so long. */
export const QUIC_IDLE_MS = 5_000;
/** Whoever was silent for nearly as long may have been left alone, µs. */
const SURE_US = 3_500_000;

export class QuicConnection {
  /** In hex. */
  readonly key: string;
  readonly id: Uint8Array;
  readonly #clock: VirtualClock;
  #heardUs: number;
  /** Whether it was never silent for too long. */
  #isSure = true;

  constructor(id: Uint8Array, clock: VirtualClock) {
    this.id = id;
    this.key = cidText(id);
    this.#clock = clock;
    this.#heardUs = clock.now;
  }

  hear(): void {
    this.#isSure = this.isLive;
    this.#heardUs = this.#clock.now;
  }

  /** Whether its client is heard of often enough that its blade has to stay. */
  get isLive(): boolean {
    return this.#isSure && this.#clock.now - this.#heardUs < SURE_US;
  }
}

export class QuicConnections {
  readonly #clock: VirtualClock;
  readonly #makeCid: MakeCid;
  readonly #byId = new Map<string, QuicConnection>();
  /** By its client's address and port, and the id that the client chose. */
  readonly #begun = new Map<string, QuicConnection>();

  constructor(clock: VirtualClock, makeCid: MakeCid) {
    this.#clock = clock;
    this.#makeCid = makeCid;
  }

  /** What a packet is answered with. `onOpened`: a connection has begun. */
  take(packet: QuicPacket, onOpened: (connection: QuicConnection) => void): QuicFields {
    const { kind, number, id } = packet;
    const connection = kind === "initial" ? this.#begin(packet, onOpened) : this.#byId.get(cidText(id));
    if (connection === undefined) return { kind: "unknown", number, id };
    connection.hear();
    return { kind: "reply", number, id: connection.id };
  }

  #begin({ source, sourcePort, id }: QuicPacket, onOpened: (connection: QuicConnection) => void): QuicConnection {
    const place = `${tupleKey(source, sourcePort)} ${cidText(id)}`;
    const begun = this.#begun.get(place);
    if (begun) return begun;
    const connection = new QuicConnection(this.#makeCid(), this.#clock);
    this.#begun.set(place, connection);
    this.#byId.set(connection.key, connection);
    onOpened(connection);
    return connection;
  }
}

export function cidText(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}

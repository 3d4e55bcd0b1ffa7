/** The native library (Rust), as TypeScript sees it: wasmtime, and the emulator's TCP/IP stack. */
import { createRequire } from "node:module";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";

/** Errors have a `code`. */
export interface NativeBinding {
  Engine: new (bounded: boolean) => NativeEngine;
  Netstack: new (options: NativeNetstackOptions) => NativeNetstack;
}

export interface NativeEngine {
  load(image: Uint8Array): NativeInstance;
}

export interface NativeInstance {
  constants(): Record<string, number>;
  /** Empty from the next restart on. */
  memory(): Uint8Array;
  process(first: number, count: number, now: number): number;
  manage(length: number, now: number): number;
  /** Null: no counters are in this region. */
  counters(region: number): BigUint64Array | null;
  readonly restarts: number;
  readonly framesLost: number;
  readonly fuelUsed: number;
  readonly lastTrap: string | null;
}

export interface NativeNetstackOptions {
  mac: string;
  /** `a.b.c.d/len` or `a::b/len`, the own ones first; at most 8. A further one with length 32 or 128 is taken, but no ARP
   *  and no neighbour discovery speaks of it. */
  addresses: string[];
  /** An integer. */
  seed: number;
  /** Bytes. */
  receiveBuffer?: number;
  sendBuffer?: number;
}

type TcpState =
  | "listen" | "syn-sent" | "syn-received" | "established" | "fin-wait-1" | "fin-wait-2"
  | "close-wait" | "closing" | "last-ack" | "time-wait" | "closed";

/** What the emulator's `Netstack` asks for; see there. Times are integers, µs. */
export interface NativeNetstack {
  listen(port: number): void;
  connect(now: number, localAddress: string, localPort: number, remoteAddress: string, remotePort: number): number;
  receive(now: number, frame: Uint8Array): void;
  poll(now: number): Uint8Array[];
  events(): {
    id: number;
    kind: "accepted" | "connected" | "readable" | "writable" | "peer-closed" | "closed" | "reset";
  }[];
  nextPoll(now: number): number;
  send(id: number, data: Uint8Array): number;
  receiveData(id: number, max: number): Uint8Array;
  sendRoom(id: number): number;
  close(id: number): void;
  abort(id: number): void;
  release(id: number): void;
  bind(port: number): number;
  sendDatagram(
    now: number, id: number, localAddress: string, localPort: number, remoteAddress: string, remotePort: number, data: Uint8Array,
  ): boolean;
  receiveDatagram(id: number): {
    localAddress: string;
    localPort: number;
    remoteAddress: string;
    remotePort: number;
    data: Uint8Array;
  } | null;
  sockets(): {
    id: number;
    state: TcpState;
    localAddress: string;
    localPort: number;
    remoteAddress: string;
    remotePort: number;
  }[];
}

const PATH = packagePath("build", "native", "dobbs.node");

let binding: NativeBinding | undefined;

/** Loads the library at the first call. Throws E_NATIVE_MISSING when it was not built, or not for this platform. */
export function nativeBinding(): NativeBinding {
  if (binding) return binding;
  try {
    binding = createRequire(import.meta.url)(PATH) as NativeBinding;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DobbsError("E_NATIVE_MISSING", `cannot load the native library: ${reason}`, "Run `npm run build`.", 1);
  }
  return binding;
}

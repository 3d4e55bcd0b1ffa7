/** What a run tells: plain data, the same for the same scenario, seed and images. */
import type { EngineName } from "../engine/engine.ts";
import { US_PER_MS } from "./clock.ts";
import type { ConnectionRecord } from "./ledger.ts";
import type { TrafficKind } from "./scenario.ts";
import type { TimelineEntry } from "./timeline.ts";

export interface RunReport {
  readonly name: string;
  readonly title: string;
  readonly engine: EngineName;
  readonly seed: number;
  /** Whether blades sent frames on to each other. */
  readonly redirect: boolean;
  readonly clients: number;
  readonly connections: number;
  readonly opening: OpeningTimes;
  /** Established while the current owner of their bucket became another than the host that has them. */
  readonly moved: MovedCount;
  readonly outcomes: OutcomeCount;
  /** Connections that went wrong: reset, corrupt or stalled. Announced cuts are not among them. */
  readonly broken: number;
  /** Times that a blade sent a frame on to another owner. */
  readonly framesRedirected: number;
  /** These, by what they ask of the owner that gets the frame. */
  readonly redirects: RedirectCount;
  /** Payload bytes that arrived, with checksums that both ends agree on. */
  readonly bytes: number;
  /** Of tunnels: those that never arrived. They are allowed to. */
  readonly datagramsLost: number;
  /** UDP flows that blades have cut after `udpDrain`, as the appliance manager has counted them: also those whose tunnel was over. */
  readonly flowsCut: number;
  /** Connections whose client went on from another address or port. */
  readonly migrated: number;
  /** On all wires. */
  readonly frames: number;
  readonly virtualMs: number;
  /** Buckets by current owner, under the first generation and the last. */
  readonly bucketsBefore: Readonly<Record<string, number>>;
  readonly bucketsAfter: Readonly<Record<string, number>>;
  readonly offline: readonly OfflineBlade[];
  /** What the appliance manager would not do. */
  readonly refusals: readonly string[];
  /** SHA-256 over every frame on every wire: time, wire, direction, bytes. */
  readonly digest: string;
  readonly timeline: readonly TimelineEntry[];
}

export interface RedirectCount {
  /** "Is this yours, previous owner?" */
  readonly hop: number;
  /** "You are the current owner as far as I know." */
  readonly resteer: number;
  /** "No previous owner has it: it is yours." */
  readonly final: number;
  /** Any of these, to another owner on the same blade. */
  readonly local: number;
}

/** Of connections over TCP: from the client's first SYN until it has its connection. 0: there was none. */
export interface OpeningTimes {
  readonly medianMs: number;
  readonly longestMs: number;
}

export interface MovedCount {
  readonly alive: number;
  /** Of them, silent at that moment. */
  readonly idle: number;
  readonly uploads: number;
  readonly downloads: number;
  readonly tunnels: number;
  readonly quic: number;
  /** Of them, broken in the end. */
  readonly broken: number;
}

export interface OutcomeCount {
  /** All exchanges done and checked, closed in order. */
  readonly done: number;
  /** Meant to stay open, and did. */
  readonly keeping: number;
  readonly reset: number;
  /** Lost or changed bytes, or ended early. */
  readonly corrupt: number;
  /** Never came to an end. */
  readonly stalled: number;
  /** Cut at the deadline of a drain, or, of tunnels, after `udpDrain`. */
  readonly cut: number;
}

/** A drained blade that was switched off. */
export interface OfflineBlade {
  readonly blade: string;
  readonly atMs: number;
  /** Connections that it had when its end was announced, as the appliance manager says. */
  readonly cutAnnounced: number;
  /** Connections that its hosts had at that instant, but for tunnels that were cut after `udpDrain`. */
  readonly live: number;
  /** When the last of its connections closed; null: it had none. */
  readonly lastClosedMs: number | null;
}

const OVER_TCP: ReadonlySet<TrafficKind> = new Set(["upload", "download", "idle"]);

export function openingTimes(records: readonly ConnectionRecord[]): OpeningTimes {
  const opened = records.filter(({ plan, establishedUs }) => OVER_TCP.has(plan.kind) && establishedUs !== null);
  const times = opened.map(({ plan, establishedUs }) => (establishedUs! - plan.startUs) / US_PER_MS).sort((a, b) => a - b);
  return { medianMs: times[times.length >> 1] ?? 0, longestMs: times.at(-1) ?? 0 };
}

export function countMoved(records: readonly ConnectionRecord[]): MovedCount {
  const moved = records.filter((record) => record.moved !== null);
  const ofKind = (kind: TrafficKind): number => moved.filter(({ plan }) => plan.kind === kind).length;
  return {
    alive: moved.length,
    idle: moved.filter((record) => record.moved!.silent).length,
    uploads: ofKind("upload"),
    downloads: ofKind("download"),
    tunnels: ofKind("udp"),
    quic: ofKind("quic"),
    broken: moved.filter((record) => record.isBroken).length,
  };
}

/** Of a run that is over. */
export function countOutcomes(records: readonly ConnectionRecord[]): OutcomeCount {
  const count = (outcome: ConnectionRecord["outcome"]): number => records.filter((record) => record.outcome === outcome).length;
  return {
    done: count("done"),
    keeping: count("keeping"),
    reset: count("reset"),
    corrupt: count("corrupt"),
    stalled: count("stalled"),
    cut: count("cut"),
  };
}

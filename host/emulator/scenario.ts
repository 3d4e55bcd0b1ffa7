/** A scenario: an appliance, the clients that use it, and what happens to it. Read from YAML by `scenario-file.ts`. */
import type { Family } from "../model/address.ts";
import type { Appliance } from "../model/appliance.ts";
import type { WireTiming } from "./fabric.ts";

/** From the smallest to the largest, both included. */
export type Range = readonly [min: number, max: number];

/** Over TCP: `upload`, `download`, `idle`. Over UDP: `udp` (a tunnel, shaped as WireGuard's), `quic`, `dns`. */
export type TrafficKind = "upload" | "download" | "idle" | "udp" | "quic" | "dns";

export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  readonly appliance: Appliance;
  /** Blades that serve from the beginning, by name. */
  readonly start: readonly string[];
  readonly network: NetworkTimings;
  readonly sites: readonly Site[];
  readonly traffic: readonly TrafficGroup[];
  /** In order of time. */
  readonly events: readonly ScenarioEvent[];
  readonly endUs: number;
  /** Unless another one is asked for. */
  readonly seed: number;
}

export interface NetworkTimings {
  /** Between a site and the switch. */
  readonly uplink: WireTiming;
  /** Between the switch and a blade. */
  readonly fabric: WireTiming;
  /** Between a blade's NIC and its host or VM. */
  readonly host: WireTiming;
  /** Of a management message, one way. */
  readonly management: WireTiming;
}

/** Clients behind one of the switch's uplinks. */
export interface Site {
  readonly name: string;
  readonly clients: number;
}

/** Connections of one kind; each draws its numbers from the ranges. */
export interface TrafficGroup {
  readonly name: string;
  readonly kind: TrafficKind;
  readonly connections: number;
  /** Of the VIPs that they are opened to; they take turns. At least one. */
  readonly families: readonly Family[];
  readonly startUs: Range;
  /** Payload of each exchange; of a tunnel's, each way. */
  readonly bytes: Range;
  /** Of an exchange, from the first to the last byte. Not of `idle` and `dns`, which say what they have to say at once. */
  readonly overUs: Range;
  /** In the same kinds: time between pieces. */
  readonly everyUs: number;
  /** Between two exchanges; not in uploads and downloads. [0, 0]: there is no silence. */
  readonly silenceUs: Range;
  /** How many silences. */
  readonly rounds: number;
  /** Tunnels: payload bytes of a datagram at most. */
  readonly datagramBytes: number;
  /** QUIC: from the start to the change of the client's address; null: it keeps the one it has. */
  readonly migrateUs: Range | null;
  /** What changes then. */
  readonly migrates: Migration;
  /** Never closed: exchanges and silences go on until the end. */
  readonly keeps: boolean;
}

/** To another port, as behind a NAT that has forgotten it, or to another address and port. */
export type Migration = "port" | "address";

/** `force` (absent: no): also past full histories, whatever that cuts. */
export type ScenarioEvent = { readonly atUs: number; readonly force?: boolean } & (
  | { readonly kind: "add"; readonly blade: string }
  | { readonly kind: "drain"; readonly blade: string; readonly deadlineUs: number | null }
  | { readonly kind: "undrain"; readonly blade: string }
  /** Its NIC is stuck: what comes meanwhile is lost, and it answers nobody. */
  | { readonly kind: "stall"; readonly blade: string; readonly forUs: number }
  | { readonly kind: "weights"; readonly weights: Readonly<Record<string, number>> }
  | { readonly kind: "move"; readonly buckets: readonly number[]; readonly to: string }
);

/** Planned connections for tests of the endpoints. */
import type { Direction, Exchange } from "../../host/emulator/exchange.ts";
import type { TrafficKind } from "../../host/emulator/scenario.ts";
import type { Family } from "../../host/model/address.ts";
import type { PlannedConnection } from "../../host/emulator/traffic.ts";
import { CLIENT, VIP } from "./link.ts";

export const BYTES = 30_000;

/** BYTES in pieces of 1,000, one every 20 ms. */
export function exchange(direction: Direction, seed: number): Exchange {
  return { direction, length: BYTES, seed, piece: 1_000, intervalUs: 20_000 };
}

export function plan(kind: TrafficKind, family: Family, more: Partial<PlannedConnection> = {}): PlannedConnection {
  return {
    id: 0,
    group: "test",
    kind,
    client: CLIENT[family],
    vip: VIP[family],
    startUs: 0,
    exchanges: [{ exchange: exchange("upload", 1), silenceUs: 0 }],
    keeps: false,
    migration: null,
    ...more,
  };
}

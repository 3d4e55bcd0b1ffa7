/** What switches are told in these tests: ports 0 and 4 are uplinks, 1 to 3 lead to blades of the same number. */
import type { AssignedOwner, Assignment } from "../../host/model/assignment.ts";
import type { SwitchState } from "../../host/supervisor/switch-driver.ts";

export const VIP = "192.0.2.80";
export const VIP6 = "2001:db8::80";
export const VMAC = "02:d0:bb:00:00:50";
export const BUCKETS = 256;
/** Nobody has it. */
export const ORPHAN_BUCKET = 255;

export function macOfBlade(blade: number): string {
  return `02:d0:bb:00:01:0${blade}`;
}

/** A client of a bucket: addresses differ in bits that do not count, too. */
export function clientOf(bucket: number): string {
  return `10.${bucket % 7}.${bucket % 3}.${bucket}`;
}

export function clientOf6(bucket: number): string {
  return `2001:db8::${bucket % 7}:${bucket.toString(16)}`;
}

/** `port` is the one of its blade, by bucket; null: no owner. */
export function assignment(generation: number, portOf: (bucket: number) => number | null): Assignment {
  const owners = [1, 2, 3].map((port): AssignedOwner => ({ name: `b${port}`, mac: macOfBlade(port), blade: `b${port}`, port, since: 1 }));
  const history = (bucket: number): number[] => {
    const port = portOf(bucket);
    return port === null ? [] : [port - 1];
  };
  return { generation, owners, buckets: Array.from({ length: BUCKETS }, (_, bucket) => history(bucket)) };
}

/** Dealt in turn, but for the one that has no owner. */
export function inTurn(bucket: number): number | null {
  return bucket === ORPHAN_BUCKET ? null : 1 + (bucket % 3);
}

export function state(generation: number, changes: Partial<SwitchState> = {}): SwitchState {
  return {
    assignment: assignment(generation, inTurn),
    role: "active",
    ports: ["uplink", "fabric", "fabric", "fabric", "uplink"],
    filters: [],
    forward: [],
    ...changes,
  };
}

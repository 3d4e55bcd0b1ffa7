/** What a blade or a switch is programmed with in these tests, and real time. */
import type { Clock } from "../../host/management/channel.ts";
import type { NodeIdentity } from "../../host/management/tables.ts";
import type { Assignment } from "../../host/model/assignment.ts";

export const realClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export function identityOf(kind: "blade" | "switch"): NodeIdentity {
  return {
    vmac: "02:d0:bb:00:00:01",
    vips: ["192.0.2.1"],
    hash: "mix",
    seed: Uint8Array.from({ length: 16 }, (_, at) => at + 1),
    redirect: true,
    ports: kind === "blade" ? ["fabric", "host"] : ["uplink", "fabric"],
    localOwners: kind === "blade" ? [{ mac: "02:00:00:00:00:01", owner: 0, port: 1 }] : [],
  };
}

/** 256 buckets of two owners; the first one is behind this blade. */
export function spreadAssignment(generation: number): Assignment {
  const owner = (name: string, number: number) => ({ name, mac: `02:00:00:00:00:0${number}`, blade: name, port: number, since: 1 });
  return {
    generation,
    owners: [owner("a", 1), owner("b", 2)],
    buckets: Array.from({ length: 256 }, (_, bucket) => [bucket % 2]),
  };
}

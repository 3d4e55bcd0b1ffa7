/** Puts the status of an appliance together, out of what the appliance manager, the appliance file and the links say. */
import type { BladeStatus } from "../supervisor/status.ts";
import type { ServiceOptions } from "./service.ts";
import type { BladeDocument, BladeHealth, StatusDocument } from "./status-document.ts";

export function statusDocument(options: ServiceOptions & { readonly startedAt: number }): StatusDocument {
  const { manager, appliance, blades, events, release, isConnected, now, startedAt } = options;
  const at = now();
  const { generation, phase, missing, waiting, owners, leader, tally, ...status } = manager.status();
  const { filters, forward } = manager.tables();
  const members = new Set(status.blades.map(({ name }) => name));
  const ofBlade = (name: string, field: "current" | "previous" | "live" | "weight"): number =>
    owners.reduce((sum, owner) => sum + (owner.blade === name ? owner[field] : 0), 0);

  const serving = status.blades.map((blade): BladeDocument => {
    const { name, status: state, load, fenced, alive, refuses, deadline } = blade;
    const counts = { live: ofBlade(name, "live"), current: ofBlade(name, "current"), previous: ofBlade(name, "previous") };
    const share = { weight: ofBlade(name, "weight"), factor: owners.find((owner) => owner.blade === name)?.factor ?? 1 };
    const end = deadline === null ? null : new Date(deadline).toISOString();
    const leftMs = deadline === null ? null : Math.max(0, Math.round(deadline - at));
    return { name, status: state, health: healthOf(blade, isConnected(name)), load, generation: blade.generation, ...counts, ...share, fenced, alive, refuses, deadline: end, leftMs };
  });
  const spare = blades.all().filter(({ name }) => !members.has(name)).map(({ name, weight }): BladeDocument => {
    const health = isConnected(name) ? "healthy" : "absent";
    return { name, status: "spare", health, load: null, generation: 0, live: 0, current: 0, previous: 0, weight, factor: 1, fenced: false, alive: false, refuses: null, deadline: null, leftMs: null };
  });

  return {
    appliance: appliance.name,
    vips: appliance.vips,
    release,
    at: new Date(at).toISOString(),
    startedAt: new Date(startedAt).toISOString(),
    buckets: appliance.buckets,
    generation,
    phase,
    missing,
    waiting,
    blades: [...serving, ...spare].sort((a, b) => (a.name < b.name ? -1 : 1)),
    owners,
    switches: status.switches.map(({ name, role, generation: has, answers }) => ({ name, role, generation: answers ? has : null, answers })),
    leader,
    tally,
    filters: filters.length,
    forward: forward.length,
    lastEvent: events.last,
  };
}

function healthOf({ status, silent, healthy }: BladeStatus, connected: boolean): BladeHealth {
  if (!connected) return "absent";
  // Nobody listens to what one that is out of service says.
  if (status === "offline" || status === "failed") return "healthy";
  if (silent) return "silent";
  return healthy ? "healthy" : "unwell";
}

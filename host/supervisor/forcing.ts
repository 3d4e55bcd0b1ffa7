/** What it costs to move past full histories: the live connections of the owners that fall off their end. */
import { DobbsError } from "../errors.ts";
import type { Core } from "./core.ts";
import type { Drained } from "./messages.ts";
import type { Reconfiguration } from "./reconfiguration.ts";
import { bladesDisplaced, displaced, succeed } from "./succession.ts";
import type { View } from "./view.ts";

/** Throws E_BLADE_SILENT when an owner would fall off a history whose blade does not take part: nobody could tell when it has let go, and
 *  as it serves other buckets it cannot be fenced. */
export function mustAnswer({ last, next, blades }: Reconfiguration): void {
  const silent = bladesDisplaced(last, next).filter((blade) => !blades.includes(blade));
  if (silent.length === 0) return;
  throw new DobbsError(
    "E_BLADE_SILENT",
    `${silent.join(", ")} would be forced out of full histories, and cannot be heard`,
    `Wait until it is heard; or, if it is dead, declare it failed: dobbs fail ${silent[0]!}`,
    1,
  );
}

/** Live connections that `state` cuts, as blades said last; null: one of them has not said yet, and is not silent, as
 *  right after a restart of the appliance manager. */
export function costOf(core: Core, { last, next }: Reconfiguration): number | null {
  const { watch, now } = core;
  const places = displaced(last, next);
  const bladeOf = new Map(last.owners.map((owner) => [owner?.name, owner?.blade]));
  const isKnown = ({ owner }: Drained): boolean => watch.lastOf(bladeOf.get(owner)!) !== null || watch.isSilent(bladeOf.get(owner)!, now);
  return places.every(isKnown) ? watch.liveAt(places) : null;
}

/** `error`, E_HISTORY_FULL, with what it would cost to force what was refused. */
export function withPrice({ state, watch }: Core, { code, message, mend, exitStatus }: DobbsError, view: View): DobbsError {
  const { assignment, generation } = state;
  const live = watch.liveAt(displaced(assignment, succeed({ ...view, force: true }, assignment, generation + 1)));
  const price = `to force it would cut ${live} live ${live === 1 ? "connection" : "connections"}`;
  return new DobbsError(code, `${message}; ${price}`, mend, exitStatus);
}

/** Counts and notes what a forced move cuts, at the moment from which it cannot be taken back. */
export function countForced(core: Core, state: Reconfiguration): void {
  const places = displaced(state.last, state.next);
  const { running, tally } = core.state;
  if (places.length === 0 || running?.kind !== "reconfiguration") return;
  const cut = costOf(core, state) ?? state.cut;
  core.change({
    running: { ...running, state: { ...running.state, cut } },
    tally: { ...tally, cut: { ...tally.cut, forced: tally.cut.forced + cut } },
  });
  const buckets = new Set(places.flatMap((place) => place.buckets)).size;
  core.note("forced", { generation: state.next.generation, buckets, cut });
}

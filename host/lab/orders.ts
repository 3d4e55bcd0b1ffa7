/** What an operator asks of a lab's appliance, each order waited for until it is carried out. */
import { EVENTS_MAX, type EventRecord } from "../api/event-log.ts";
import type { Manager } from "./manager.ts";

export interface Operator {
  readonly manager: Manager;
  note(what: string): void;
}

/** More than any step takes on a busy machine. */
export const STEP_MS = 30_000;

/** Takes a blade in, and waits until every blade and switch has the new assignment. */
export async function add(operator: Operator, blade: string): Promise<void> {
  await operator.manager.order("add", blade);
  await settled(operator.manager);
  const { generation, blades } = await operator.manager.status();
  const buckets = blades.map(({ name, current }) => `${name} ${current}`).join(", ");
  operator.note(`add ${blade}: generation ${generation}, buckets: ${buckets}`);
}

/** `deadline` as `dobbs drain` takes it. Waits until the blade is no bucket's current owner any more. */
export async function drain({ manager, note }: Operator, blade: string, deadline: string): Promise<void> {
  await manager.order("drain", blade, "--deadline", deadline);
  await settled(manager);
  const left = (await manager.blade(blade))?.live ?? 0;
  note(`drain ${blade}: it has ${left} connections left, and gets no new ones`);
}

/** Waits until drains are over. Returns how many connections were cut. */
export async function drained({ manager, note }: Operator, blades: readonly string[], withinMs: number): Promise<number> {
  const isOff = (status: Awaited<ReturnType<Manager["status"]>>): boolean =>
    blades.every((blade) => status.blades.find(({ name }) => name === blade)?.status === "offline");
  const names = blades.join(" and ");
  const are = blades.length === 1 ? "is" : "are";
  await manager.until(`${names} ${are} offline`, isOff, withinMs);
  const { events } = await manager.get<{ events: readonly EventRecord[] }>(`/v1/events?limit=${EVENTS_MAX}`);
  const cutOf = (blade: string): number =>
    Math.max(0, ...events.filter(({ details }) => details["blade"] === blade).map(({ details }) => Number(details["cut"] ?? 0)));
  const cut = blades.reduce((sum, blade) => sum + cutOf(blade), 0);
  note(`${names} ${are} drained, and offline; ${cut} connections were cut`);
  return cut;
}

async function settled(manager: Manager): Promise<void> {
  await manager.until("the last reconfiguration is done", ({ phase, waiting }) => phase === "idle" && waiting.length === 0, STEP_MS);
}

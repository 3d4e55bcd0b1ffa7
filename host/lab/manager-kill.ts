/** The appliance manager, killed with -9 in the middle of what it was told to do, and started again. */
import type { BladeDocument, StatusDocument } from "../api/status-document.ts";
import type { Manager } from "./manager.ts";

export type Order = readonly ["add", blade: string] | readonly ["drain", blade: string, ...options: string[]];

export interface ManagerKill {
  /** E.g. `add irvington`. */
  readonly order: string;
  /** The event of its log that it had written last when it died. */
  readonly after: string;
  /** False: it died before it had taken the order up, which was then given again. */
  readonly resumed: boolean;
  /** By blade, when all was done. */
  readonly buckets: Readonly<Record<string, number>>;
  /** The blade has the part that the order gives it, and all others that are in have their share. */
  readonly intended: boolean;
}

/** More than a reconfiguration takes on a busy machine, and the start of a program. */
const STEP_MS = 60_000;

/** Kills it once its log has had `event` since the order was given. */
export async function killInTheMiddle(manager: Manager, event: string, order: Order): Promise<ManagerKill> {
  const [what, blade] = order;
  const after = await manager.killDuring(event, order, STEP_MS);
  await manager.start();
  await settled(manager);
  const resumed = isTakenUp(what, await manager.blade(blade));
  if (!resumed) {
    await manager.order(...order);
    await settled(manager);
  }
  const { blades } = await manager.status();
  return {
    order: `${what} ${blade}`,
    after,
    resumed,
    buckets: Object.fromEntries(blades.map(({ name, current }) => [name, current])),
    intended: isTakenUp(what, await manager.blade(blade)) && areShared(blades),
  };
}

/** Nothing is under way, and every blade that serves has the assignment in force. */
async function settled(manager: Manager): Promise<void> {
  await manager.until("all is done, by an appliance manager that was started again", ({ phase, waiting, blades, generation }) => {
    const serving = blades.filter(({ status }) => status === "active" || status === "draining");
    return phase === "idle" && waiting.length === 0 && serving.every((one) => one.health === "healthy" && one.generation === generation);
  }, STEP_MS);
}

function isTakenUp(what: Order[0], blade: BladeDocument | undefined): boolean {
  return what === "add" ? blade?.status === "active" : blade?.status === "draining" || blade?.status === "offline";
}

/** All buckets are with the active blades, to each as many as to any other, or one more. */
function areShared(blades: StatusDocument["blades"]): boolean {
  const counts = blades.filter(({ status }) => status === "active").map(({ current }) => current);
  const others = blades.filter(({ status }) => status !== "active");
  return counts.length > 0 && Math.max(...counts) - Math.min(...counts) <= 1 && others.every(({ current }) => current === 0);
}

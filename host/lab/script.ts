/**
 * What is done to a lab while its clients are busy: two adds, two firmware swaps, a shim's death, two drains, the loss of a
 * switch and of a blade; and the appliance manager is killed in the middle of each add and drain. Every step waits for what it
 * has brought about, not for a time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { hostNamespace, nicNamespace, SWITCH_NAMES } from "./addresses.ts";
import type { Crowd } from "./crowd.ts";
import { socketWord } from "./lab-appliance.ts";
import type { Failure } from "./ledger.ts";
import type { Manager } from "./manager.ts";
import { killInTheMiddle, type ManagerKill, type Order } from "./manager-kill.ts";
import { emptyNamespaces, runStep } from "./namespaces.ts";
import { drained, type Operator, STEP_MS } from "./orders.ts";
import type { Pause } from "./report.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Service } from "./services.ts";
import type { OtherFirmware } from "./firmware.ts";
import { bladeShim, type Shims } from "./shims.ts";
import { loseSwitch } from "./switches.ts";
import { wireStep } from "./topology.ts";

export interface Stage extends Operator {
  readonly folder: RunFolder;
  readonly firmware: OtherFirmware;
  /** Four, by the order in which they join. */
  readonly blades: readonly string[];
  readonly shims: Shims;
  /** The running shim of each blade. */
  readonly running: Map<string, Service>;
  readonly crowd: Crowd;
  readonly redirect: boolean;
}

export interface Played {
  readonly pauses: readonly Pause[];
  readonly failure: Failure;
  readonly managerKills: readonly ManagerKill[];
  /** Live connections that drains have cut. */
  readonly cut: number;
}

/** Traffic flows for so long between two changes, so that each is made in the middle of it. */
const BETWEEN_MS = 800;
/** More than the longest transfer takes. */
const SESSIONS_MS = 90_000;
/** With redirection, sessions end long before. Without it, broken ones are never seen to end by the host that has them. */
const DEADLINE = { redirect: "80s", noRedirect: "6s" } as const;

export async function play(stage: Stage): Promise<Played> {
  const { blades, crowd, redirect, note } = stage;
  const [first, second, third, fourth] = blades as [string, string, string, string];
  const pauses: Pause[] = [];
  const managerKills: ManagerKill[] = [];
  crowd.start("first");
  crowd.start("short");
  await crowd.connected("first", STEP_MS);
  note("the first sessions are connected");

  for (const [blade, event] of [[third, "requested"], [fourth, "installed"]] as const) {
    managerKills.push(await orderAndKill(stage, event, ["add", blade]));
    await sleep(BETWEEN_MS);
  }
  pauses.push(await flash(stage, third, stage.firmware.nextRelease));
  await sleep(BETWEEN_MS);
  pauses.push(await flash(stage, second, stage.firmware.otherBoard));
  await sleep(BETWEEN_MS);
  pauses.push(await killShim(stage, fourth));
  await sleep(BETWEEN_MS);
  for (const [blade, event] of [[first, "prepared"], [second, "reconfigured"]] as const) {
    const deadline = redirect ? DEADLINE.redirect : DEADLINE.noRedirect;
    managerKills.push(await orderAndKill(stage, event, ["drain", blade, "--deadline", deadline]));
    await sleep(BETWEEN_MS);
  }

  crowd.start("second");
  await crowd.connected("second", STEP_MS);
  note("the second sessions are connected");
  crowd.release("first");
  await crowd.ended(SESSIONS_MS, "first");
  note("the first sessions are over");
  const cut = await drained(stage, [first, second], SESSIONS_MS);

  pauses.push(await loseActiveSwitch(stage));
  await sleep(BETWEEN_MS);
  const failure = await failBlade(stage, fourth);
  crowd.release("second");
  await crowd.ended(SESSIONS_MS);
  note("all sessions are over");
  return { pauses, failure, managerKills, cut };
}

async function orderAndKill({ manager, note }: Stage, event: string, order: Order): Promise<ManagerKill> {
  const kill = await killInTheMiddle(manager, event, order);
  const { generation, blades } = await manager.status();
  const buckets = blades.map(({ name, current }) => `${name} ${current}`).join(", ");
  note(`${kill.order}: the appliance manager was killed (-9) when it had said "${kill.after}", and started again`);
  const left = order[0] === "drain" ? `; ${order[1]} has ${blades.find(({ name }) => name === order[1])?.live ?? 0} connections left` : "";
  note(`${kill.order}: generation ${generation}, buckets: ${buckets}${left}`);
  return kill;
}

async function flash({ manager, folder, note }: Stage, blade: string, bundle: string): Promise<Pause> {
  const at = Date.now();
  const { tables, pauseUs } = await manager.dobbs<{ tables: "kept" | "lost"; pauseUs: number }>("flash", bundle, "--to", socketWord(folder, blade));
  await inForce(manager, blade);
  note(`firmware of ${blade} swapped: tables ${tables}`);
  if (tables === "kept") return { what: `firmware of ${blade} swapped, tables kept`, ms: pauseUs / 1_000 };
  return { what: `firmware of ${blade} swapped, tables lost, until it was programmed again`, ms: Date.now() - at };
}

async function killShim({ shims, running, manager, note }: Stage, blade: string): Promise<Pause> {
  const at = Date.now();
  const old = running.get(blade)!;
  await old.end(0);
  const place = bladeShim(blade);
  const shim = shims.start(place);
  running.set(blade, shim);
  await shims.ready(place, shim);
  await inForce(manager, blade);
  note(`shim of ${blade} killed (-9), started again, and programmed again`);
  return { what: `shim of ${blade} killed, until it was programmed again`, ms: Date.now() - at };
}

/** The blade's NIC answers its traffic manager, and has the newest assignment. */
async function inForce(manager: Manager, blade: string): Promise<void> {
  await manager.until(`${blade} has the newest generation`, ({ blades, generation }) => {
    const found = blades.find(({ name }) => name === blade);
    return found?.health === "healthy" && found.generation === generation;
  }, STEP_MS);
}

async function loseActiveSwitch({ blades, manager, note }: Stage): Promise<Pause> {
  const [active, standby] = SWITCH_NAMES;
  const at = Date.now();
  await loseSwitch(active, blades);
  note(`switch ${active} is gone`);
  await manager.order("failover", standby);
  const ms = Date.now() - at;
  note(`failover: switch ${standby} is active`);
  return { what: `switch ${active} lost, until ${standby} was active`, ms };
}

/** The blade's power fails: host, NIC and wire at once. The appliance manager has to notice by itself. */
async function failBlade({ blades, manager, note }: Stage, blade: string): Promise<Failure> {
  const at = Date.now();
  runStep(wireStep(blades.indexOf(blade), "down"));
  await emptyNamespaces([nicNamespace(blade), hostNamespace(blade)]);
  note(`blade ${blade} loses its power`);
  await manager.until(`${blade} is failed`, ({ blades: all, phase }) => {
    const found = all.find(({ name }) => name === blade);
    return phase === "idle" && found?.status !== "active" && (found?.current ?? 0) === 0;
  }, STEP_MS);
  note(`the appliance manager has failed ${blade}`);
  return { blade, at };
}

/** A blade joins and another one is drained while clients are busy: what most scenes are about. */
import { setTimeout as sleep } from "node:timers/promises";
import { add, drain, drained } from "../orders.ts";
import type { Site } from "../site.ts";

/** What clients have going on. */
export interface Traffic {
  /** Resolves when all of it is under way. */
  begin(): Promise<void>;
  /** Between the last move and the end: what is to be seen then. */
  late?(): Promise<void>;
  /** Resolves when all of it is over. */
  end(): Promise<void>;
}

/** Of the moves: who serves at first, who joins, who is drained. */
export interface Cast {
  readonly joins: string;
  readonly leaves: string;
  /** How long a drain may take once traffic is over; null: it is not waited for. */
  readonly offlineMs: number | null;
}

/** Traffic flows for so long between two changes, so that each is made in the middle of it. */
const BETWEEN_MS = 800;
/** With redirection, traffic ends long before. Without it, what is broken is never seen to end by the host that has it. */
const DEADLINE = { redirect: "80s", noRedirect: "6s" } as const;

/** Returns how many connections the drain has cut. */
export async function scaleUpAndDown(site: Site, { joins, leaves, offlineMs }: Cast, traffic: Traffic): Promise<number> {
  const operator = { manager: site.manager, note: (what: string) => site.note(what) };
  site.beganAt = Date.now();
  await traffic.begin();
  site.note("all clients are busy");
  await sleep(BETWEEN_MS);
  await add(operator, joins);
  await sleep(BETWEEN_MS);
  await drain(operator, leaves, site.options.redirect ? DEADLINE.redirect : DEADLINE.noRedirect);
  await sleep(BETWEEN_MS);
  await traffic.late?.();
  await traffic.end();
  site.note("all clients are done");
  return offlineMs === null ? 0 : drained(operator, [leaves], offlineMs);
}

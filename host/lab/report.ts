/** What a lab tells, as plain data, and what in it is not as it must be. */
import { isBroken, type Ending, type Ledger, type LedgerEntry } from "./ledger.ts";
import type { ManagerKill } from "./manager-kill.ts";
import type { SessionKind } from "./sessions.ts";
import type { Silences } from "./silence.ts";

/** What has to be shown. */
export const WANTED = { clients: 64, sessions: 150, aliveAcrossMove: 40, brokenWithoutRedirectPercent: 80 } as const;

export interface TimelineEntry {
  /** Since the sessions began. */
  readonly atMs: number;
  readonly what: string;
}

/** How long something did not forward packets. */
export interface Pause {
  readonly what: string;
  readonly ms: number;
}

export interface RedirectCount {
  readonly hop: number;
  readonly resteer: number;
  readonly final: number;
  readonly local: number;
}

export interface LabReport {
  readonly switch: string;
  readonly redirect: boolean;
  readonly seed: number;
  readonly server: string;
  readonly clients: number;
  readonly sessions: number;
  readonly kinds: Readonly<Record<SessionKind, number>>;
  readonly endings: Readonly<Record<Ending, number>>;
  /** Alive when their bucket got another current owner than the blade that has them. */
  readonly moved: {
    readonly alive: number;
    readonly kinds: Readonly<Record<SessionKind, number>>;
    readonly broken: number;
    /** Of those that live on no failed blade. */
    readonly brokenPercent: number;
  };
  /** Not those of the failed blade. */
  readonly broken: readonly BrokenSession[];
  /** Segments with RST from the VIP in the capture at the clients, those of the failed blade's sessions apart. */
  readonly resets: number;
  readonly failed: FailedBlade | null;
  /** Frames that blades sent on to each other, as the firmware counted them; what a killed shim had counted is lost. */
  readonly redirects: RedirectCount;
  /** Generations of the assignment that were seen in force. */
  readonly generations: readonly number[];
  /** Of idle sessions, between their two exchanges. */
  readonly silences: Silences;
  readonly pauses: readonly Pause[];
  readonly managerKills: readonly ManagerKill[];
  /** Live connections that drains cut at their deadline. */
  readonly cut: number;
  readonly wallMs: number;
  readonly timeline: readonly TimelineEntry[];
}

export interface BrokenSession {
  readonly id: number;
  readonly kind: SessionKind;
  readonly client: string;
  readonly blade: string | null;
  readonly ending: Ending;
  readonly detail: string;
  readonly moved: boolean;
  readonly resets: number;
  /** When it ended, since the sessions began; null: it did not. */
  readonly atMs: number | null;
}

export interface FailedBlade {
  readonly blade: string;
  /** That lived on it. */
  readonly sessions: number;
  readonly broken: number;
  readonly resets: number;
}

export interface ReportSources extends Pick<
  LabReport, "switch" | "redirect" | "seed" | "server" | "redirects" | "generations" | "silences" | "pauses" | "managerKills" | "cut" | "wallMs" | "timeline"
> {
  readonly ledger: Ledger;
  readonly failedBlade: string | null;
  /** ms since 1970. */
  readonly beganAt: number;
}

const KINDS: readonly SessionKind[] = ["download", "upload", "keep-alive", "idle"];
const ENDINGS: readonly Ending[] = ["ok", "reset", "corrupt", "timed-out", "unfinished"];

export function makeReport({ ledger, failedBlade, beganAt, ...rest }: ReportSources): LabReport {
  const { entries } = ledger;
  const apart = entries.filter((entry) => entry.onFailedBlade);
  const others = entries.filter((entry) => !entry.onFailedBlade);
  const moved = others.filter((entry) => entry.movedAt !== null);
  const broken = moved.filter(isBroken).length;
  return {
    ...rest,
    clients: new Set(entries.map(({ session }) => session.client)).size,
    sessions: entries.length,
    kinds: countKinds(entries),
    endings: countOf(ENDINGS, entries.map(({ ending }) => ending)),
    moved: {
      alive: moved.length,
      kinds: countKinds(moved),
      broken,
      brokenPercent: moved.length === 0 ? 0 : Math.round((broken / moved.length) * 100),
    },
    broken: others.filter(isBroken).map((entry) => brokenSession(entry, beganAt)),
    resets: resetsOf(others) + ledger.strayResets,
    failed: failedBlade === null
      ? null
      : { blade: failedBlade, sessions: apart.length, broken: apart.filter(isBroken).length, resets: resetsOf(apart) },
  };
}

/** One sentence for each thing that is not as it must be. */
export function faultsOf(report: LabReport): string[] {
  const { clients, sessions, moved, broken, resets, redirects, redirect, managerKills, silences, cut } = report;
  const faults: string[] = [];
  const need = (found: number, wanted: number, what: string): void => {
    if (found < wanted) faults.push(`only ${found} ${what}; ${wanted} are wanted`);
  };
  need(clients, WANTED.clients, "client addresses");
  need(sessions, WANTED.sessions, "sessions");
  need(moved.alive, WANTED.aliveAcrossMove, "sessions alive across their bucket's move");
  for (const { order, after, buckets, intended } of managerKills) {
    if (intended) continue;
    const found = Object.entries(buckets).map(([blade, count]) => `${blade} ${count}`).join(", ");
    faults.push(`killed after "${after}" of ${order}, the appliance manager has come to another end: ${found}`);
  }
  if (!redirect) {
    need(moved.brokenPercent, WANTED.brokenWithoutRedirectPercent, "percent of the moved sessions broke without redirection");
    return faults;
  }
  for (const { id, kind, client, blade, ending, detail } of broken) {
    faults.push(`session ${id} (${kind} of ${client}, on ${blade ?? "no blade"}) is broken: ${ending}: ${detail}`);
  }
  if (resets > 0) faults.push(`${resets} RSTs from the VIP are in the capture at the clients`);
  if (silences.segments > 0) faults.push(`idle sessions were not: ${silences.segments} segments between their exchanges`);
  if (cut > 0) faults.push(`${cut} connections were cut by a drain`);
  need(redirects.hop + redirects.resteer + redirects.final + redirects.local, 1, "frames redirected");
  return faults;
}

function brokenSession({ session, blade, ending, detail, movedAt, resets, endedAt }: LedgerEntry, beganAt: number): BrokenSession {
  const { id, kind, client } = session;
  const atMs = endedAt === null ? null : Math.round(endedAt - beganAt);
  return { id, kind, client, blade, ending, detail, moved: movedAt !== null, resets, atMs };
}

function resetsOf(entries: readonly LedgerEntry[]): number {
  return entries.reduce((sum, { resets }) => sum + resets, 0);
}

function countKinds(entries: readonly LedgerEntry[]): Record<SessionKind, number> {
  return countOf(KINDS, entries.map(({ session }) => session.kind));
}

function countOf<T extends string>(names: readonly T[], values: readonly T[]): Record<T, number> {
  return Object.fromEntries(names.map((name) => [name, values.filter((value) => value === name).length])) as Record<T, number>;
}

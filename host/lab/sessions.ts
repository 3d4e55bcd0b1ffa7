/** The sessions of a lab: what its clients are going to do, drawn from a seed; and what became of each. Plain data. */
import { Random } from "../emulator/random.ts";
import { pacedFile, SMALL_FILE } from "./servers.ts";

/**
 * `download`, `upload`: curl, paced. `keep-alive`: a request a second on one connection. `idle`: a request, silence until the
 * script says so, and another one.
 */
export type SessionKind = "download" | "upload" | "keep-alive" | "idle";
/** `first` is there when the first blade is added, `second` when the switch is lost; `short` ones come all the time. */
export type Wave = "first" | "second" | "short";

export interface PlannedSession {
  readonly id: number;
  readonly wave: Wave;
  readonly kind: SessionKind;
  /** Address. */
  readonly client: string;
  /** After the beginning of its wave. */
  readonly startMs: number;
  /** Name of the file to transfer, or to ask for. */
  readonly file: string;
  /** `keep-alive`, `idle`: what is asked for at the end; absent: `file` again. */
  readonly lastFile?: string;
  /** `idle`: how long after the end of the silence it speaks. */
  readonly lingerMs: number;
}

/** `reset`: by the other side. `corrupt`: lost or changed bytes, or an early end. `timed-out`: no answer. */
export type SessionOutcome = "ok" | "reset" | "corrupt" | "timed-out";

/** ms since 1970, all of them. */
export interface SessionResult {
  readonly id: number;
  readonly outcome: SessionOutcome;
  /** For people: what the program said; empty when all is well. */
  readonly detail: string;
  /** 0: never connected. */
  readonly clientPort: number;
  /** null: never. */
  readonly connectedAt: number | null;
  readonly endedAt: number;
  /** As the server said; null: it did not. */
  readonly blade: string | null;
  /** `idle`: from its answer to its next request; absent: it came to none. */
  readonly silence?: { readonly from: number; readonly until: number };
}

export interface SessionGroup {
  readonly wave: Wave;
  readonly kind: SessionKind;
  readonly count: number;
  /** Sessions begin within this time. */
  readonly withinMs: number;
  /** Transfers: how long they take, shortest and longest. */
  readonly seconds?: readonly [number, number];
  /** Others: what they ask for, and at the end; default: the small file. */
  readonly file?: string;
  readonly lastFile?: string;
}

/** More than what is asked of a lab: 150 sessions, 40 of them alive across their bucket's move. */
const GROUPS: readonly SessionGroup[] = [
  { wave: "first", kind: "download", count: 32, withinMs: 1_500, seconds: [16, 22] },
  { wave: "first", kind: "upload", count: 20, withinMs: 1_500, seconds: [16, 22] },
  { wave: "first", kind: "keep-alive", count: 32, withinMs: 1_500 },
  { wave: "first", kind: "idle", count: 32, withinMs: 1_500 },
  { wave: "second", kind: "download", count: 20, withinMs: 1_500, seconds: [8, 14] },
  { wave: "second", kind: "upload", count: 12, withinMs: 1_500, seconds: [8, 14] },
  { wave: "second", kind: "keep-alive", count: 16, withinMs: 1_500 },
  { wave: "second", kind: "idle", count: 16, withinMs: 1_500 },
  { wave: "short", kind: "download", count: 40, withinMs: 24_000, seconds: [1, 1] },
];
const LINGER_MS_MAX = 1_000;

export interface PlanOptions {
  /** Whether the server takes any; downloads are in their place otherwise. */
  readonly uploads: boolean;
  /** Default: those of the main script. */
  readonly groups?: readonly SessionGroup[];
}

/** Clients take turns in an order of chance, so that all of them have sessions of all kinds. */
export function planSessions(clients: readonly string[], seed: number, options: PlanOptions): PlannedSession[] {
  const { uploads, groups = GROUPS } = options;
  const turns = shuffled(clients, new Random(`lab ${seed} clients`));
  const random = new Random(`lab ${seed} sessions`);
  const sessions: PlannedSession[] = [];
  for (const { wave, kind, count, withinMs, seconds, file = SMALL_FILE, lastFile } of groups) {
    for (let i = 0; i < count; i++) {
      const id = sessions.length;
      sessions.push({
        id,
        wave,
        kind: kind === "upload" && !uploads ? "download" : kind,
        client: turns[id % turns.length]!,
        startMs: random.between(0, withinMs),
        file: seconds ? pacedFile(random.between(...seconds)) : file,
        lingerMs: random.between(0, LINGER_MS_MAX),
        ...(lastFile !== undefined && { lastFile }),
      });
    }
  }
  return sessions;
}

/** How long the transfers of a plan can take: a file for each. */
export function secondsOf(groups: readonly SessionGroup[]): number[] {
  return groups.flatMap(({ seconds: [least, most] = [1, 1] }) => Array.from({ length: most - least + 1 }, (_, i) => least + i));
}

/** Of the main script. */
export const TRANSFER_SECONDS: readonly number[] = secondsOf(GROUPS);

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.between(0, i);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

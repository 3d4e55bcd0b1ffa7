/** Processes of the lab: told from others by pid and start time, ended by those and never by name. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../errors.ts";

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks between the machine's start and the process's. */
  readonly startTime: number;
}

const POLL_MS = 10;
/** Longer than the kernel needs to take down a process that has been killed. */
const KILLED_MS = 5_000;
/** Fields of /proc/<pid>/stat behind the command's name: the state is the first, the start time the twentieth. */
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** null: there is no such process, or it is a zombie. */
export function identify(pid: number): ProcessId | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The command's name is in parentheses, and may have some of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[STATE_FIELD] === "Z" ? null : { pid, startTime: Number(fields[START_TIME_FIELD]) };
}

export function isAlive({ pid, startTime }: ProcessId): boolean {
  return identify(pid)?.startTime === startTime;
}

/**
 * SIGTERM, and SIGKILL for those that are still there `gentleMs` later; 0: SIGKILL at once. Resolves when they are gone. Throws
 * E_LAB_PROCESSES when one does not go.
 */
export async function endProcesses(pids: readonly number[], { gentleMs }: { gentleMs: number }): Promise<void> {
  const all = pids.flatMap((pid) => identify(pid) ?? []).filter(({ pid }) => pid !== process.pid);
  if (gentleMs > 0) {
    send(all, "SIGTERM");
    await gone(all, gentleMs);
  }
  send(all, "SIGKILL");
  await gone(all, KILLED_MS);
  const left = all.filter(isAlive).map(({ pid }) => pid);
  if (left.length > 0) {
    const message = `still there ${KILLED_MS / 1_000} s after they were killed: processes ${left.join(", ")}`;
    throw new DobbsError("E_LAB_PROCESSES", message, "See what they wait for (ps -o pid,stat,wchan,args), then: dobbs lab --down", 1);
  }
}

function send(processes: readonly ProcessId[], signal: NodeJS.Signals): void {
  for (const id of processes.filter(isAlive)) {
    try {
      process.kill(id.pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

async function gone(processes: readonly ProcessId[], withinMs: number): Promise<void> {
  const until = Date.now() + withinMs;
  while (processes.some(isAlive) && Date.now() < until) await sleep(POLL_MS);
}

/**
 * One process at a time: a file beside the thing, with the number of the process that has it and when that process was
 * started. `kill -9` leaves the file behind; it counts for nothing once its process is gone.
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";

/** A process, told from any other that had or will have its number. */
interface Holder {
  readonly pid: number;
  /** Clock ticks since the machine came up. */
  readonly startTime: string;
  readonly boot: string;
}

/** Of the fields behind the name, which is in parentheses and may have blanks. */
const START_TIME_FIELD = 19;
const ATTEMPTS_MAX = 10;

/** Takes the lock; answers with the process that has it, if that is another one that lives. `path`: of the lock file. */
export function takeLock(path: string): { readonly heldBy: number | null } {
  const own = `${path}.${process.pid}`;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const holder = readHolder(path);
    if (holder !== null && isAlive(holder)) return { heldBy: holder.pid };
    if (holder !== null || isThere(path)) removeDead(path, own);
    if (linkOwn(path, own)) return { heldBy: null };
  }
  return { heldBy: readHolder(path)?.pid ?? 0 };
}

export function releaseLock(path: string): void {
  const holder = readHolder(path);
  if (holder?.pid === process.pid) unlinkSync(path);
}

/** Puts a whole file there, if there is none. */
function linkOwn(path: string, own: string): boolean {
  writeFileSync(own, JSON.stringify(holderOf(process.pid)), { mode: 0o600 });
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(own);
  }
}

/** Another process may do the same at this moment, and have put its own file there: that one is put back. */
function removeDead(path: string, own: string): void {
  const moved = `${own}.dead`;
  try {
    renameSync(path, moved);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const holder = readHolder(moved);
  if (holder !== null && isAlive(holder) && !isThere(path)) renameSync(moved, path);
  else unlinkSync(moved);
}

function isThere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Null: there is no such file, or nothing that can be read in it. */
function readHolder(path: string): Holder | null {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<Holder> | null;
    return typeof value?.pid === "number" ? { startTime: "", boot: "", ...value, pid: value.pid } : null;
  } catch {
    return null;
  }
}

function isAlive(holder: Holder): boolean {
  const now = holderOf(holder.pid);
  return now !== null && now.startTime === holder.startTime && now.boot === holder.boot;
}

/** Null: there is no such process. */
function holderOf(pid: number): Holder | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie holds nothing any more.
    if (fields[0] === "Z") return null;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { pid, startTime: fields[START_TIME_FIELD]!, boot };
  } catch {
    return null;
  }
}

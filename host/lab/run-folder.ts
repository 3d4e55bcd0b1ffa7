/**
 * The lab's place in the file system: `/run/dobbs-lab/<id>`, with a list of the processes that it has started. One lab at a
 * time; what a killed one has left is found by its folder and by the names of its namespaces, and removed.
 */
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DobbsError } from "../errors.ts";
import { takeLock } from "./lock.ts";
import { labNamespaces, removeNamespaces } from "./namespaces.ts";
import { endProcesses, identify, isAlive, type ProcessId } from "./processes.ts";

const LABS = "/run/dobbs-lab";
const OWNER_FILE = "owner.json";
const PROCESSES_FILE = "processes.jsonl";
const OVERSTAY_MS = 2_000;

interface OwnerRecord extends ProcessId {
  /** The lab was left running on purpose; its own process has ended. */
  readonly kept: boolean;
}

/** What was found and taken away. */
export interface Leftovers {
  readonly namespaces: number;
  readonly processes: number;
}

export class RunFolder {
  readonly path: string;
  readonly id: string;

  private constructor(id: string) {
    this.id = id;
    this.path = join(LABS, id);
  }

  /** Makes the folder of a new run, once a process. Throws E_LAB_RUNNING; cleans up after a run that was killed. */
  static async create(): Promise<{ folder: RunFolder; leftovers: Leftovers }> {
    await lockOut();
    const kept = runs().find((id) => ownerOf(id)?.kept);
    if (kept !== undefined) throw keptError();
    const leftovers = await removeLeftovers();
    mkdirSync(LABS, { recursive: true });
    const folder = new RunFolder(`${process.pid}-${Date.now().toString(36)}`);
    mkdirSync(folder.path);
    // Servers that give up root's rights read their files here.
    chmodSync(folder.path, 0o755);
    for (const part of ["logs", "sockets", "files", "blades"]) mkdirSync(folder.join(part));
    folder.#writeOwner(false);
    return { folder, leftovers };
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Remembers a process, for a start after a kill -9 of this one. */
  note(name: string, pid: number): void {
    const id = identify(pid);
    if (id) appendFileSync(this.join(PROCESSES_FILE), `${JSON.stringify({ name, ...id })}\n`);
  }

  /** The lab outlives this process. */
  keep(): void {
    this.#writeOwner(true);
  }

  /** Ends every process that was noted, removes all namespaces and the folder. */
  async remove(): Promise<void> {
    await removeRun(this.id);
    await removeNamespaces(labNamespaces());
  }

  #writeOwner(kept: boolean): void {
    const owner: OwnerRecord = { ...identify(process.pid)!, kept };
    writeFileSync(this.join(OWNER_FILE), JSON.stringify(owner));
  }
}

/** Takes down the lab that was kept, and what a killed one has left. Throws E_LAB_RUNNING when one is at work. */
export async function takeDown(): Promise<Leftovers> {
  await lockOut();
  return removeLeftovers();
}

/** Throws E_LAB_RUNNING when another process has the lock. */
async function lockOut(): Promise<void> {
  if (await takeLock()) return;
  const owner = runs().flatMap((id) => ownerOf(id) ?? []).find((one) => !one.kept && isAlive(one));
  const who = owner === undefined ? "" : `, as process ${owner.pid}`;
  throw new DobbsError("E_LAB_RUNNING", `a lab is running${who}`, "Wait for its end, or interrupt it (Ctrl-C there).");
}

function keptError(): DobbsError {
  return new DobbsError("E_LAB_RUNNING", "a lab that was kept (--keep) is up", "Take it down: dobbs lab --down");
}

async function removeLeftovers(): Promise<Leftovers> {
  let processes = 0;
  for (const id of runs()) processes += await removeRun(id);
  const namespaces = labNamespaces();
  await removeNamespaces(namespaces);
  return { namespaces: namespaces.length, processes };
}

/** Returns how many processes it has ended. */
async function removeRun(id: string): Promise<number> {
  const alive = processesOf(id).filter(isAlive);
  await endProcesses(alive.map(({ pid }) => pid), { gentleMs: OVERSTAY_MS });
  rmSync(join(LABS, id), { recursive: true, force: true });
  return alive.length;
}

function runs(): string[] {
  return existsSync(LABS) ? readdirSync(LABS) : [];
}

function ownerOf(id: string): OwnerRecord | null {
  try {
    return JSON.parse(readFileSync(join(LABS, id, OWNER_FILE), "utf8")) as OwnerRecord;
  } catch {
    // Killed before it could say who it is.
    return null;
  }
}

function processesOf(id: string): ProcessId[] {
  const path = join(LABS, id, PROCESSES_FILE);
  if (!existsSync(path)) return [];
  // The last line may be cut off.
  return readFileSync(path, "utf8").split("\n").flatMap((line) => parsed(line) ?? []);
}

function parsed(line: string): ProcessId | null {
  try {
    return JSON.parse(line) as ProcessId;
  } catch {
    return null;
  }
}

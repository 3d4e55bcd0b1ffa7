/** Runs `dobbs lab` for tests, and sees to it that nothing of it is left. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DobbsError } from "../../host/errors.ts";
import { VIP } from "../../host/lab/addresses.ts";
import { labNamespaces } from "../../host/lab/namespaces.ts";
import { checkRequirements, requiredPrograms } from "../../host/lab/requirements.ts";
import { packagePath } from "../../host/paths.ts";

export const DOBBS = packagePath("build", "host", "cli", "dobbs.js");
const LABS = "/run/dobbs-lab";

export const isRoot = process.getuid?.() === 0;

/** Why a lab with these switches, and with these programs beside, cannot run here; false: it can. */
export function skipReason(switchKind: string, more: ReadonlyMap<string, string> = new Map()): string | false {
  try {
    checkRequirements({ programs: new Map([...requiredPrograms(switchKind, false), ...more]), built: [] });
    return false;
  } catch (error) {
    if (error instanceof DobbsError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

export type LabOutput<Report> = Report & {
  readonly faults: readonly string[];
  readonly kept: string | null;
};

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export function startLab(...args: readonly string[]): Started {
  const child = spawn(process.execPath, [DOBBS, "lab", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  const ended = new Promise<Ended>((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
  return { child, ended };
}

/** A run without faults. */
export async function runLab<Report>(...args: readonly string[]): Promise<LabOutput<Report>> {
  return runLabDespite(() => false, ...args);
}

/** A run without faults, but for those that `isExcused`, which are in its output. */
export async function runLabDespite<Report>(isExcused: (fault: string) => boolean, ...args: readonly string[]): Promise<LabOutput<Report>> {
  const { status, stdout, stderr } = await startLab("--json", ...args).ended;
  assert.notEqual(stdout, "", stderr);
  const output = JSON.parse(stdout) as LabOutput<Report>;
  const faults = output.faults.filter((fault) => !isExcused(fault));
  // What a reader of a long log wants to know is at its end.
  assert.deepEqual(faults, [], `${stderr}\n${stdout}\n${faults.join("\n")}`);
  assert.equal(status, output.faults.length > 0 ? 1 : 0);
  return output;
}

/** Processes that have to do with a lab, by what they were started with: a path in its folder, or the VIP. */
export function labProcesses(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const command = readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ");
      return command.includes(LABS) || command.includes(VIP) ? [`${pid} ${command}`] : [];
    } catch {
      return [];
    }
  });
}

export function assertNothingLeft(): void {
  assert.deepEqual(labNamespaces(), []);
  assert.deepEqual(labProcesses(), []);
  assert.deepEqual(existsSync(LABS) ? readdirSync(LABS) : [], []);
}

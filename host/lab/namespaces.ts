/** Carries out the steps of a topology, and removes what the lab has made: namespaces, and the processes in them. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import { LAB_PREFIX } from "./addresses.ts";
import { endProcesses } from "./processes.ts";
import type { Step } from "./topology.ts";

const NAMESPACES = "/run/netns";

/** The command line that runs `command` in a namespace (null: here). */
export function inNamespace(namespace: string | null, command: readonly string[]): string[] {
  return namespace === null ? [...command] : ["ip", "netns", "exec", namespace, ...command];
}

/** Runs one step. Throws E_LAB_STEP with what the program said. Returns its stdout. */
export function runStep({ namespace, command, input = "" }: Step): string {
  const [program, ...args] = inNamespace(namespace, command) as [string, ...string[]];
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: "utf8" });
  if (status === 0) return stdout;
  const said = error?.message ?? stderr.trim();
  throw new DobbsError(
    "E_LAB_STEP",
    `${[program, ...args].join(" ").slice(0, 200)}: ${said}`,
    "The lab needs a Linux kernel with network namespaces, veth, bridges and nftables' netdev hook.",
    1,
  );
}

/** Those of a lab, of this run or of one before. */
export function labNamespaces(): string[] {
  try {
    return readdirSync(NAMESPACES).filter((name) => name.startsWith(LAB_PREFIX)).sort();
  } catch {
    return [];
  }
}

function processesIn(namespace: string): number[] {
  const { stdout } = spawnSync("ip", ["netns", "pids", namespace], { encoding: "utf8" });
  return (stdout ?? "").split("\n").filter(Boolean).map(Number);
}

/** Ends the processes in namespaces at once, with those that they have started meanwhile. Throws E_LAB_PROCESSES. */
export async function emptyNamespaces(names: readonly string[]): Promise<void> {
  for (let pids = names.flatMap(processesIn); pids.length > 0; pids = names.flatMap(processesIn)) {
    await endProcesses(pids, { gentleMs: 0 });
  }
}

/** Empties namespaces, and removes them with all their interfaces. Throws E_LAB_PROCESSES. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  await emptyNamespaces(names);
  const input = names.map((name) => `netns del ${name}\n`).join("");
  if (names.length > 0) spawnSync("ip", ["-force", "-batch", "-"], { input });
}

/** `dobbs` as a child process that runs beside the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { packagePath } from "../../host/paths.ts";

const DOBBS = packagePath("build", "host", "cli", "dobbs.js");

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Running {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Outcome>;

  constructor(command: string, args: readonly string[], options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv }) {
    const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, TZ: "UTC", NO_COLOR: "1", ...options.env }, stdio: ["pipe", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.child = child;
    this.ended = new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout: this.stdout, stderr: this.stderr })));
  }

  kill(signal: NodeJS.Signals): Promise<Outcome> {
    this.child.kill(signal);
    return this.ended;
  }
}

export function start(cwd: string, ...args: readonly string[]): Running {
  return new Running(process.execPath, [DOBBS, ...args], { cwd });
}

/** Runs to its end. */
export function run(cwd: string, ...args: readonly string[]): Promise<Outcome> {
  return start(cwd, ...args).ended;
}

export { DOBBS };

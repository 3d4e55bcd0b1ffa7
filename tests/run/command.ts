/** Runs a command, shows what it prints, and keeps it for counting. */
import { spawn } from "node:child_process";

export interface Ended {
  /** Null: it could not be started, or a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
}

/** Its stdout and stderr go on to `out` as they come. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  out: NodeJS.WritableStream,
  environment: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      out.write(text);
    });
    child.stderr.on("data", (bytes: Buffer) => out.write(bytes));
    child.on("error", (error) => {
      out.write(`cannot run ${command}: ${error.message}\n`);
      resolve({ status: null, stdout });
    });
    child.on("close", (status) => resolve({ status, stdout }));
  });
}

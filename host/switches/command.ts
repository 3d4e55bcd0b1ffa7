/** Runs the tools that program a switch: no shell, a time limit, bounded output, and problems as one sentence. */
import { spawn } from "node:child_process";

export interface Outcome {
  /** What the command wrote; empty when there is a problem. */
  readonly output: string;
  /** One sentence: why the command has not done its work; null: it has. */
  readonly problem: string | null;
}

export interface CommandOptions {
  /** Goes before the command's own words. */
  readonly run: readonly string[];
  readonly command: readonly [tool: string, ...words: string[]];
  /** For its standard input. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;
const OUTPUT_BYTES_MAX = 1 << 20;
const COMPLAINT_CHARS_MAX = 300;
/** Exit status of shells and of `env` for a command that is not there. */
const NOT_FOUND = 127;
const PACKAGES: Readonly<Record<string, string>> = {
  nft: "nftables",
  "ovs-ofctl": "openvswitch-switch",
  "ovs-vsctl": "openvswitch-switch",
  "ovs-appctl": "openvswitch-switch",
  ip: "iproute2",
  ssh: "openssh-client",
};

export function runCommand(options: CommandOptions, onDone: (outcome: Outcome) => void): void {
  const { run, command, input = "", timeoutMs = TIMEOUT_MS } = options;
  const [program, ...words] = [...run, ...command] as [string, ...string[]];
  const [tool] = command;
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
  const output = new Bounded();
  const complaints = new Bounded();
  let done = false;
  const end = (problem: string | null): void => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    onDone({ output: problem === null ? output.text() : "", problem });
  };
  /** Does not wait for the pipes: what the child has started may keep them open. */
  const giveUp = (problem: string): void => {
    child.kill("SIGKILL");
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    end(problem);
  };
  const timer = setTimeout(() => giveUp(`${tool} did not end within ${timeoutMs / 1000} s.`), timeoutMs);
  child.on("error", (error: NodeJS.ErrnoException) =>
    end(error.code === "ENOENT" ? notInstalled(program, []) : `${program} cannot be run: ${error.message}.`),
  );
  // A child that ends without reading says why in another way.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  child.stdout.on("data", (chunk: Buffer) => output.add(chunk) || giveUp(`${tool} wrote more than ${OUTPUT_BYTES_MAX} bytes.`));
  child.stderr.on("data", (chunk: Buffer) => complaints.add(chunk));
  child.on("close", (status, signal) => {
    if (status === 0) return end(null);
    const text = complaints.text();
    if (status === NOT_FOUND || text.includes(`exec of "${tool}" failed: No such file`)) return end(notInstalled(tool, run));
    end(`${tool} failed: ${complaint(text) || (signal ?? `status ${status}`)}.`);
  });
}

function notInstalled(tool: string, run: readonly string[]): string {
  const where = run.length === 0 ? "here" : `where \`${run.join(" ")}\` leads`;
  const mend = PACKAGES[tool] ? `install the package ${PACKAGES[tool]}` : "install it";
  return `${tool} is not installed ${where}: ${mend}.`;
}

/** The tool's own first words, and the line that they are about, without the arrows that point at a place. */
function complaint(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !/^[\^~ ]+$/.test(line));
  return lines.slice(0, 2).join("; ").slice(0, COMPLAINT_CHARS_MAX).replace(/[.;]+$/, "");
}

class Bounded {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** False: there is no room for it. */
  add(chunk: Buffer): boolean {
    if (this.#bytes + chunk.length > OUTPUT_BYTES_MAX) return false;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}

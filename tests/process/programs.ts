/** Programs of a blade, as processes of their own: its shim on ports that lead nowhere, and its traffic manager. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { packagePath } from "../../host/paths.ts";
import { atEnd } from "./cleanup.ts";
import type { Line } from "./peers.ts";

/** A program that is started, killed and started again. Its log is read line by line. */
export class Program {
  readonly lines: Line[] = [];
  /** Called with each line, once it is in `lines`. */
  onLine: (line: Line) => void = () => undefined;
  readonly #command: readonly string[];
  #child: ChildProcess | null = null;
  #ended: Promise<number | string> | null = null;

  constructor(...command: readonly string[]) {
    this.#command = command;
    atEnd(() => this.#child?.kill("SIGKILL"));
  }

  start(): this {
    const child = spawn(this.#command[0]!, this.#command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
    let rest = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const texts = (rest + text).split("\n");
      rest = texts.pop()!;
      for (const text of texts) {
        const line = text.startsWith("{") ? (JSON.parse(text) as Line) : { level: "error", event: text };
        this.lines.push(line);
        this.onLine(line);
      }
    });
    this.#child = child;
    this.#ended = once(child, "close").then(([code, by]) => (code as number | null) ?? (by as string));
    return this;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Its exit status, or the signal that ended it. */
  kill(signal: NodeJS.Signals): Promise<number | string> {
    this.#child!.kill(signal);
    return this.#ended!;
  }

  /** As `kill`, of one that ends by itself. */
  ended(): Promise<number | string> {
    return this.#ended!;
  }

  count(event: string): number {
    return this.lines.filter((line) => line.event === event).length;
  }
}

export function shim(name: string, link: string, image: "blade" | "switch" = "blade"): Program {
  const firmware = packagePath("build", "bundles", "emulated", `${image}.bundle`);
  // The two ends of one wire: no frame is ever on it.
  const ports = ["--port", "0=memory:wire", "--port", "1=memory:wire"];
  const command = ["--firmware", firmware, "--volatile", "--name", name, ...ports, "--link", link, "--log", "json"];
  return new Program(packagePath("build", "native", "dobbs-shim"), ...command);
}

export function trafficManager(blade: string, ...options: readonly string[]): Program {
  const cli = packagePath("build", "host", "cli", "dobbs.js");
  return new Program(process.execPath, cli, "traffic-manager", "--blade", blade, "--log", "json", ...options);
}

export function applianceManager(...options: readonly string[]): Program {
  const cli = packagePath("build", "host", "cli", "dobbs.js");
  return new Program(process.execPath, cli, "serve", "--log", "json", ...options);
}

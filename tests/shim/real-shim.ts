/** The real shim as a child process, on ports that lead nowhere: no root is needed. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after } from "node:test";
import { packagePath } from "../../host/paths.ts";
import { parseLinkWord, type LinkWord } from "../../host/transport/word.ts";
import { until } from "../transport/support.ts";

const SHIM = packagePath("build", "native", "dobbs-shim");

/** Why a test that needs it is skipped, or false. */
export const noShim: string | false = existsSync(SHIM) ? false : `there is no ${SHIM}: npm run build`;

interface LogLine {
  readonly event: string;
  readonly word?: string;
}

/** All of them are gone when the tests of the file are over. */
const started: RealShim[] = [];
after(() => Promise.all(started.map((shim) => shim.stop("SIGKILL"))));

export class RealShim {
  readonly log: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #said = "";

  private constructor(args: readonly string[]) {
    this.#child = spawn(SHIM, ["--log", "json", "--port", "0=memory:wire", "--port", "1=memory:wire", ...args], {
      stdio: ["ignore", "inherit", "pipe"],
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    this.#exited = new Promise((resolve) => this.#child.once("exit", () => resolve()));
    started.push(this);
  }

  /** Comes back when it runs. `args`: beside those for the ports. */
  static async start(...args: readonly string[]): Promise<RealShim> {
    const shim = new RealShim(args);
    await until("the shim has started", () => shim.log.some(({ event }) => event === "started") || shim.#child.exitCode !== null);
    if (shim.#child.exitCode !== null) throw new Error(`the shim has ended: ${shim.#said}`);
    return shim;
  }

  /** Where it listens; a port that it chose itself is in it. */
  link(kind: LinkWord["kind"]): LinkWord {
    const words = this.log.filter(({ event }) => event === "link-listening").map(({ word }) => parseLinkWord(word!));
    return words.find((word) => word.kind === kind)!;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }

  #take(text: string): void {
    this.#said += text;
    const lines = this.#said.split("\n");
    this.#said = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith("{")) this.log.push(JSON.parse(line) as LogLine);
      else this.#said += `${line}\n`;
    }
  }
}

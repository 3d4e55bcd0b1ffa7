/** What happened, as lines on stderr: JSON for programs, or text for a person at a terminal. The shim's lines have the
 *  same shape. */
import type { DobbsError } from "../errors.ts";
import type { Journal } from "../supervisor/environment.ts";

export type LogLevel = "info" | "warning" | "error";
export type LogFormat = "json" | "text";
export type LogDetails = Readonly<Record<string, string | number | boolean>>;

export const LOG_FORMATS = ["json", "text"] as const satisfies readonly LogFormat[];

export interface LogJournalOptions {
  /** Default: `text` when stderr is a terminal, else `json`. */
  readonly format?: LogFormat | undefined;
  /** Default: stderr. */
  readonly write?: (line: string) => void;
  /** Milliseconds since 1970; default the machine's. */
  readonly wallClock?: () => number;
}

export class LogJournal implements Journal {
  readonly #format: LogFormat;
  readonly #write: (line: string) => void;
  readonly #wallClock: () => number;

  constructor({ format, write, wallClock }: LogJournalOptions = {}) {
    this.#format = format ?? (process.stderr.isTTY ? "text" : "json");
    this.#write = write ?? ((line) => void process.stderr.write(line));
    this.#wallClock = wallClock ?? Date.now;
  }

  note(event: string, details: LogDetails = {}): void {
    this.log("info", event, details);
  }

  /** Something is not as it should be; work goes on. */
  warn(event: string, problem: DobbsError, details: LogDetails = {}): void {
    this.#problem("warning", event, problem, details);
  }

  error(event: string, problem: DobbsError, details: LogDetails = {}): void {
    this.#problem("error", event, problem, details);
  }

  log(level: LogLevel, event: string, details: LogDetails): void {
    const at = new Date(this.#wallClock()).toISOString();
    this.#write(this.#format === "json" ? jsonLine(at, level, event, details) : textLine(at, level, event, details));
  }

  #problem(level: LogLevel, event: string, { code, message, mend }: DobbsError, details: LogDetails): void {
    this.log(level, event, { ...details, code, message, mend });
  }
}

function jsonLine(at: string, level: LogLevel, event: string, details: LogDetails): string {
  return `${JSON.stringify({ at, level, event, ...details })}\n`;
}

function textLine(at: string, level: LogLevel, event: string, details: LogDetails): string {
  const words = Object.entries(details).map(([name, value]) => `${name}=${typeof value === "string" ? quoted(value) : value}`);
  const mark = level === "info" ? [] : [level.toUpperCase()];
  return `${[at.slice(11, 23), ...mark, event, ...words].join(" ")}\n`;
}

/** A word as it is; anything else in quotes, with nothing in it that a terminal would obey. */
function quoted(text: string): string {
  return /^[\w.:/@#-]+$/.test(text) ? text : JSON.stringify(text);
}

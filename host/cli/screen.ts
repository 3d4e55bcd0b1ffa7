/** A view that has the terminal to itself, and gives it back as it was. */
import type { WatchSize } from "./watch-view.ts";

const ALTERNATE_ON = "\x1b[?1049h";
const ALTERNATE_OFF = "\x1b[?1049l";
const CURSOR_OFF = "\x1b[?25l";
const CURSOR_ON = "\x1b[?25h";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const QUIT_KEYS = /[qQ\x03\x04]/;
const QUIT_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const SIZE_OTHERWISE: WatchSize = { columns: 80, rows: 24 };

export class Screen {
  readonly #lines: (size: WatchSize) => readonly string[];
  #open = false;
  #quit = false;
  #wake: () => void = () => undefined;

  /** `lines`: what is to be seen now; called again when the terminal changes its size. */
  constructor(lines: (size: WatchSize) => readonly string[]) {
    this.#lines = lines;
  }

  open(): void {
    this.#open = true;
    process.stdout.write(ALTERNATE_ON + CURSOR_OFF);
    process.stdout.on("resize", this.#onResize);
    for (const signal of QUIT_SIGNALS) process.on(signal, this.#onQuit);
    // Whatever ends the process: a terminal without a cursor is no use.
    process.on("exit", this.#restore);
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.on("data", this.#onKeys).resume();
    this.draw();
  }

  draw(): void {
    const { columns = SIZE_OTHERWISE.columns, rows = SIZE_OTHERWISE.rows } = process.stdout;
    const lines = this.#lines({ columns, rows });
    process.stdout.write(HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW);
  }

  /** Waits; false: its user has seen enough. */
  wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(!this.#quit);
      };
      if (this.#quit) this.#wake();
    });
  }

  close(): void {
    this.#restore();
    process.stdout.off("resize", this.#onResize);
    for (const signal of QUIT_SIGNALS) process.off(signal, this.#onQuit);
    process.off("exit", this.#restore);
    process.stdin.off("data", this.#onKeys).pause();
  }

  readonly #onResize = (): void => this.draw();

  readonly #onKeys = (keys: Buffer): void => {
    if (QUIT_KEYS.test(keys.toString("latin1"))) this.#onQuit();
  };

  readonly #onQuit = (): void => {
    this.#quit = true;
    this.#wake();
  };

  readonly #restore = (): void => {
    if (!this.#open) return;
    this.#open = false;
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdout.write(CURSOR_ON + ALTERNATE_OFF);
  };
}

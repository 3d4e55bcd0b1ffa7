/**
 * The appliance manager's folder (mode 0700): its state, the token of its API, and where that is, so that commands on the
 * same host find it.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { DobbsError } from "../errors.ts";

export const DEFAULT_STATE_FOLDER = "/var/lib/dobbs";
export const TOKEN_FILE = "token";
export const API_FILE = "api.json";
/** SQLite. */
export const STATE_FILE = "state.db";
const TOKEN_BYTES = 32;
const TOKEN = /^[0-9a-f]{64}$/;

/** What `api.json` says. */
export interface ApiPlace {
  /** `http://127.0.0.1:7440` */
  readonly url: string;
  readonly pid: number;
}

export class StateFolder {
  /** Absolute. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes it if need be, and takes it away from everyone else. Throws E_STATE_FOLDER. */
  static open(path: string): StateFolder {
    const folder = resolve(path);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const found = statSync(folder);
      if (!found.isDirectory()) throw new Error("it is no folder");
      // Whoever owns it can put there what they like, a token that they know for instance.
      if (found.uid !== process.getuid?.()) throw new Error(`it belongs to user ${found.uid}`);
      chmodSync(folder, 0o700);
    } catch (error) {
      throw folderError(folder, error as Error);
    }
    return new StateFolder(folder);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** The token of the API: 64 hex digits, made once and kept. Throws E_STATE_FOLDER. */
  token(): string {
    const kept = this.#isOwn(TOKEN_FILE) ? this.read(TOKEN_FILE)!.trim() : "";
    if (TOKEN.test(kept)) {
      chmodSync(this.file(TOKEN_FILE), 0o600);
      return kept;
    }
    const made = randomBytes(TOKEN_BYTES).toString("hex");
    this.write(TOKEN_FILE, `${made}\n`);
    return made;
  }

  announce(place: ApiPlace): void {
    this.write(API_FILE, `${JSON.stringify(place)}\n`);
  }

  /** The API is no longer there. */
  withdraw(): void {
    rmSync(this.file(API_FILE), { force: true });
  }

  /** Writes a file whole or not at all, mode 0600, durably. Throws E_STATE_FOLDER. */
  write(name: string, text: string): void {
    const path = this.file(name);
    const draft = `${path}.new`;
    try {
      rmSync(draft, { force: true });
      const file = openSync(draft, "wx", 0o600);
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(draft, path);
      sync(this.path);
    } catch (error) {
      throw folderError(this.path, error as Error);
    }
  }

  /** A plain file of the user that runs this: others may have had the folder before. */
  #isOwn(name: string): boolean {
    const found = lstatSync(this.file(name), { throwIfNoEntry: false });
    return found !== undefined && found.isFile() && found.uid === process.getuid?.();
  }

  /** A file's text; null: there is none. Throws E_STATE_FOLDER. */
  read(name: string): string | null {
    try {
      return readFileSync(this.file(name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw folderError(this.path, error as Error);
    }
  }
}

/** A rename is durable when its folder is. */
function sync(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function folderError(folder: string, error: Error): DobbsError {
  return new DobbsError(
    "E_STATE_FOLDER",
    `cannot use the state folder ${folder}: ${error.message}`,
    "Name a folder that is yours with --state.",
  );
}

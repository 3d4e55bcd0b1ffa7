/**
 * The appliance manager's state in a SQLite file: one row of JSON, replaced in a transaction, and the journal of what
 * happened. The file is its owner's alone (0600): it holds the seed that keys the hash.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, openSync, rmSync } from "node:fs";
import sqlite from "node-sqlite3-wasm";
import { DobbsError } from "../errors.ts";
import type { Store } from "../supervisor/environment.ts";
import type { ApplianceState } from "../supervisor/state.ts";
import { releaseLock, takeLock } from "./process-lock.ts";
import { damaged, newer, parseState } from "./state-check.ts";

/** Something that happened. */
export interface JournalRow {
  /** Grows. */
  readonly number: number;
  /** As the appliance manager's clock had it, ms. */
  readonly at: number;
  readonly event: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** `user_version` of the file: raised when the tables change. */
const SCHEMA = 1;
/** `application_id` of the file: "DOBB". */
const APPLICATION = 0x444f4242;
const JOURNAL_ROWS_MAX = 10_000;
/** Notes that wait to be written, at most. */
const NOTES_MAX = 100;
const HASH_SEED_BYTES = 16;

const TABLES = `
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
  CREATE TABLE secret (name TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE journal (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, event TEXT NOT NULL, details TEXT NOT NULL);
`;

export class SqliteStore implements Store {
  readonly path: string;
  /** 16 random bytes, the same for as long as the file lives. */
  readonly hashSeed: Uint8Array;
  readonly #database: sqlite.Database;
  #notes: Omit<JournalRow, "number">[] = [];

  /**
   * Opens the file, or makes it. Throws E_STATE_LOCKED (another appliance manager that lives has it), E_STATE_OPEN,
   * E_STATE_NEWER, E_STATE_FOREIGN, E_STATE_DAMAGED.
   */
  constructor(path: string) {
    this.path = path;
    lock(path);
    let database: sqlite.Database | null = null;
    try {
      makePrivate(path);
      // SQLite's own lock is a folder, which a process that was killed has left behind. Nobody else has the file now.
      rmSync(`${path}.lock`, { recursive: true, force: true });
      database = new sqlite.Database(path);
      prepare(database, path);
      this.hashSeed = seedOf(database);
    } catch (error) {
      database?.close();
      releaseLock(lockPath(path));
      throw error instanceof DobbsError ? error : damaged(path, (error as Error).message);
    }
    this.#database = database;
  }

  /** What was saved last; null: nothing yet. Throws E_STATE_NEWER or E_STATE_DAMAGED. */
  load(): ApplianceState | null {
    const row = this.#database.get("SELECT json FROM state");
    return row === null ? null : parseState(String(row["json"]), this.path);
  }

  /** Durable when it returns. Throws E_STATE_WRITE: what was saved before is there still. */
  save(state: ApplianceState): void {
    this.#transaction(() => {
      this.#database.run("INSERT OR REPLACE INTO state VALUES (1, ?)", [JSON.stringify(state)]);
      this.#writeNotes();
    });
  }

  /** Notes what happened. It is written with the next state, or by `flush`. */
  note(at: number, event: string, details: JournalRow["details"]): void {
    this.#notes.push({ at, event, details });
    if (this.#notes.length >= NOTES_MAX) this.flush();
  }

  /** Writes what has been noted. Throws E_STATE_WRITE. */
  flush(): void {
    if (this.#notes.length > 0) this.#transaction(() => this.#writeNotes());
  }

  /** The newest `count` rows of the journal, oldest first. */
  journal(count: number): JournalRow[] {
    this.flush();
    const rows = this.#database.all("SELECT * FROM journal ORDER BY number DESC LIMIT ?", [count]);
    return rows.reverse().map((row) => ({
      number: Number(row["number"]),
      at: Number(row["at"]),
      event: String(row["event"]),
      details: JSON.parse(String(row["details"])) as JournalRow["details"],
    }));
  }

  close(): void {
    if (!this.#database.isOpen) return;
    try {
      this.flush();
    } finally {
      this.#database.close();
      releaseLock(lockPath(this.path));
    }
  }

  #writeNotes(): void {
    for (const { at, event, details } of this.#notes) {
      const values = [at, event, JSON.stringify(details)];
      this.#database.run("INSERT INTO journal (at, event, details) VALUES (?, ?, ?)", values);
    }
    if (this.#notes.length === 0) return;
    const oldest = "(SELECT max(number) FROM journal) - ?";
    this.#database.run(`DELETE FROM journal WHERE number <= ${oldest}`, [JOURNAL_ROWS_MAX]);
  }

  #transaction(work: () => void): void {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      work();
      this.#database.exec("COMMIT");
      this.#notes = [];
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      const message = `the state cannot be written to ${this.path}: ${(error as Error).message}`;
      throw new DobbsError("E_STATE_WRITE", message, "Check that there is room on the disk, and that the file is yours.", 1);
    }
  }
}

function lockPath(path: string): string {
  return `${path}.pid`;
}

function lock(path: string): void {
  let heldBy: number | null;
  try {
    ({ heldBy } = takeLock(lockPath(path)));
  } catch (error) {
    throw cannotOpen(path, error);
  }
  if (heldBy === null) return;
  const message = `the state file ${path} is in use by process ${heldBy}`;
  throw new DobbsError("E_STATE_LOCKED", message, "Stop that appliance manager first, or name another file.");
}

/** Makes the file if it is not there. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, error: unknown): DobbsError {
  const message = `the state file ${path} cannot be opened: ${(error as Error).message}`;
  return new DobbsError("E_STATE_OPEN", message, "Check that its folder exists and is yours.");
}

/** Checks the file, and makes the tables of a new one. */
function prepare(database: sqlite.Database, path: string): void {
  database.exec("PRAGMA synchronous = EXTRA");
  const [application, schema] = ["application_id", "user_version"].map((name) => pragma(database, name));
  const tables = Number(database.get("SELECT count(*) AS count FROM sqlite_schema")!["count"]);
  if (tables === 0) return makeTables(database);
  if (application !== APPLICATION) {
    const message = `${path} is a SQLite file, and not the state of an appliance`;
    throw new DobbsError("E_STATE_FOREIGN", message, "Name another file.");
  }
  if (schema! > SCHEMA) throw newer(path, schema!);
  const check = database.get("PRAGMA quick_check")!["quick_check"];
  if (check !== "ok") throw damaged(path, String(check));
}

function makeTables(database: sqlite.Database): void {
  database.exec("BEGIN IMMEDIATE");
  database.exec(`PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${SCHEMA}; ${TABLES}`);
  database.run("INSERT INTO secret VALUES ('hash-seed', ?)", [randomBytes(HASH_SEED_BYTES)]);
  database.exec("COMMIT");
}

function pragma(database: sqlite.Database, name: string): number {
  return Number(database.get(`PRAGMA ${name}`)![name]);
}

function seedOf(database: sqlite.Database): Uint8Array {
  const row = database.get("SELECT bytes FROM secret WHERE name = 'hash-seed'");
  const bytes = row?.["bytes"];
  if (!(bytes instanceof Uint8Array) || bytes.length !== HASH_SEED_BYTES) throw new Error("the hash seed is missing");
  return bytes.slice();
}

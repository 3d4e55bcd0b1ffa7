/** The appliance manager's state file: what it keeps, and what it says of files that it cannot take. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import sqlite from "node-sqlite3-wasm";
import type { DobbsError } from "../../host/errors.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import { SqliteStore } from "../../host/state/sqlite-store.ts";
import { initialState } from "../../host/supervisor/initial-state.ts";
import { beginForget } from "../../host/supervisor/reconfiguration.ts";
import { FIRST_DAY, stateNumber } from "./states.ts";

const folder = mkdtempSync(join(tmpdir(), "dobbs-state-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = (): string => join(folder, `${++files}.db`);

/** Opens, works, closes. */
function using<T>(path: string, work: (store: SqliteStore) => T): T {
  const store = new SqliteStore(path);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** What opening and loading a file is refused with. */
function refusal(path: string): DobbsError {
  try {
    using(path, (store) => store.load());
  } catch (error) {
    return error as DobbsError;
  }
  throw new Error("it was taken");
}

/** Changes a file behind the store's back. */
function tamper(path: string, sql: string): void {
  const database = new sqlite.Database(path);
  database.exec(sql);
  database.close();
}

function saved(number: number): string {
  const path = newPath();
  using(path, (store) => store.save(stateNumber(number)));
  return path;
}

describe("a state file", () => {
  test("is empty at first, and then holds what was saved last, nothing more and nothing less", () => {
    const path = newPath();
    assert.equal(using(path, (store) => store.load()), null);
    using(path, (store) => {
      store.save(stateNumber(1));
      store.save(stateNumber(2));
      assert.deepEqual(store.load(), stateNumber(2));
    });
    assert.deepEqual(using(path, (store) => store.load()), stateNumber(2));
  });

  test("of an earlier release has what came later: no flows were cut", () => {
    const path = saved(1);
    tamper(path, `UPDATE state SET json = json_remove(json, '$.flowsCut', '$.tally.cut.flows')`);
    assert.deepEqual(using(path, (store) => store.load()), stateNumber(1));
    tamper(path, `UPDATE state SET json = json_remove(json, '$.tally')`);
    assert.deepEqual(using(path, (store) => store.load()), stateNumber(1));
  });

  test("of an earlier release has its owners in since the assignment that it has", () => {
    const path = newPath();
    const owners = [{ name: "ardsley", mac: "02:00:00:00:00:01", blade: "ardsley", port: 1, since: 3 }, null];
    const assignment: Assignment = { generation: 7, owners, buckets: [[0]] };
    using(path, (store) => store.save({ ...initialState({ ...FIRST_DAY, buckets: 1 }), assignment }));
    assert.deepEqual(using(path, (store) => store.load())!.assignment.owners, owners);
    tamper(path, `UPDATE state SET json = json_remove(json, '$.assignment.owners[0].since')`);
    assert.deepEqual(using(path, (store) => store.load())!.assignment.owners, [{ ...owners[0], since: 7 }, null]);
  });

  test("of an earlier release has them in since the one before, where an assignment is on its way, with its digest", () => {
    const path = newPath();
    const owner = (name: string, since: number) => ({ name, mac: "02:00:00:00:00:01", blade: name, port: 1, since });
    const first = initialState({ ...FIRST_DAY, buckets: 1 });
    const { view } = first;
    const last: Assignment = { generation: 7, owners: [owner("ardsley", 7), null], buckets: [[0]] };
    const next: Assignment = { generation: 8, owners: [owner("ardsley", 7), owner("rye", 8)], buckets: [[1, 0]] };
    const { state } = beginForget({ view, last, blades: ["ardsley"], steers: true, now: 0 }, next);
    using(path, (store) => store.save({ ...first, assignment: last, generation: 8, running: { kind: "reconfiguration", state, task: null } }));
    const before = using(path, (store) => store.load())!;
    tamper(path, `UPDATE state SET json = json_remove(json, '$.assignment.owners[0].since', '$.running.state.last.owners[0].since', '$.running.state.next.owners[0].since', '$.running.state.next.owners[1].since')`);
    assert.deepEqual(using(path, (store) => store.load()), before);
    tamper(path, `UPDATE state SET json = json_remove(json, '$.running.state')`);
    assert.throws(() => using(path, (store) => store.load()), { code: "E_STATE_DAMAGED" });
  });

  test("is its owner's alone, and gives up nothing beside it", () => {
    const path = saved(1);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    for (const ending of [".pid", ".lock", "-journal"]) assert.equal(existsSync(path + ending), false, ending);
  });

  test("has one random hash seed for as long as it lives", () => {
    const path = newPath();
    const seed = using(path, (store) => store.hashSeed);
    assert.equal(seed.length, 16);
    assert.deepEqual(using(path, (store) => store.hashSeed), seed);
    assert.notDeepEqual(using(newPath(), (store) => store.hashSeed), seed);
  });

  test("keeps the newest 10,000 rows of the journal, in order", () => {
    const path = newPath();
    using(path, (store) => {
      for (let at = 1; at <= 10_250; at++) store.note(at, "tick", { at });
    });
    using(path, (store) => {
      const rows = store.journal(20_000);
      assert.equal(rows.length, 10_000);
      assert.deepEqual([rows[0]!.at, rows.at(-1)!.at, rows.at(-1)!.details], [251, 10_250, { at: 10_250 }]);
      assert.deepEqual(
        store.journal(2).map(({ at }) => at),
        [10_249, 10_250],
      );
    });
  });
});

describe("a state file is refused", () => {
  test("while another appliance manager that lives has it, and it is told which", () => {
    const path = saved(1);
    using(path, () => {
      const { code, message } = refusal(path);
      assert.equal(code, "E_STATE_LOCKED");
      assert.match(message, new RegExp(`process ${process.pid}$`));
    });
    assert.deepEqual(using(path, (store) => store.load()), stateNumber(1));
  });

  test("not for a process that is gone, nor for another one that has its number now", () => {
    const path = saved(3);
    for (const pid of [process.pid, 4_194_304]) {
      writeFileSync(`${path}.pid`, JSON.stringify({ pid, startTime: "1", boot: "another" }));
      mkdirSync(`${path}.lock`);
      assert.deepEqual(using(path, (store) => store.load()), stateNumber(3));
    }
    writeFileSync(`${path}.pid`, "");
    assert.deepEqual(using(path, (store) => store.load()), stateNumber(3));
  });

  test("when a newer release has written it", () => {
    const schema = saved(1);
    tamper(schema, "PRAGMA user_version = 2");
    assert.equal(refusal(schema).code, "E_STATE_NEWER");
    const format = saved(1);
    tamper(format, `UPDATE state SET json = json_set(json, '$.format', 2)`);
    assert.equal(refusal(format).code, "E_STATE_NEWER");
  });

  test("when it is damaged", () => {
    const text = newPath();
    writeFileSync(text, "this is no database, though it is long enough to be one".repeat(100));
    const cut = saved(1);
    truncateSync(cut, readFileSync(cut).length - 4_096);
    const json = saved(1);
    tamper(json, "UPDATE state SET json = '{'");
    const member = saved(1);
    tamper(member, `UPDATE state SET json = json_remove(json, '$.fenced')`);
    for (const path of [text, cut, json, member]) assert.equal(refusal(path).code, "E_STATE_DAMAGED", path);
    assert.match(refusal(member).message, /fenced is missing/);
  });

  test("when it is someone else's database, which is left as it is", () => {
    const path = newPath();
    tamper(path, "CREATE TABLE recipes (name TEXT)");
    const before = readFileSync(path);
    assert.equal(refusal(path).code, "E_STATE_FOREIGN");
    assert.deepEqual(readFileSync(path), before);
  });

  test("when there is no such folder", () => {
    assert.equal(refusal(join(folder, "nowhere", "state.db")).code, "E_STATE_OPEN");
  });
});

test("a state that was saved survives kill -9 of the process that saved it, at any moment", async () => {
  const path = newPath();
  const program = fileURLToPath(new URL("saver.js", import.meta.url));
  let before = 0;
  for (let round = 1; round <= 5; round++) {
    const saver = spawn(process.execPath, [program, path], { stdio: ["ignore", "pipe", "inherit"] });
    let said = 0;
    for await (const line of createInterface({ input: saver.stdout })) {
      said = Number(line);
      if (said >= before + round) saver.kill("SIGKILL");
    }
    if (saver.exitCode === null && saver.signalCode === null) await once(saver, "exit");
    using(path, (store) => {
      const found = store.load()!;
      // The one that was being saved may be there or not.
      assert.ok(found.requests === said || found.requests === said + 1, `${found.requests} and ${said}`);
      assert.deepEqual(found, stateNumber(found.requests));
      assert.equal(store.journal(1)[0]!.at, found.requests);
      before = found.requests;
    });
  }
});

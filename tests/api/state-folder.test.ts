/** The state folder: its token, the journal, and what must not change between two starts. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Blades } from "../../host/api/blades.ts";
import { EventLog, EVENTS_MAX } from "../../host/api/event-log.ts";
import { checkIdentity, checkMembers } from "../../host/api/identity.ts";
import { StateFolder } from "../../host/api/state-folder.ts";
import { parseAppliance } from "../../host/model/appliance-file.ts";
import { membersOf } from "../../host/supervisor/view.ts";
import { SqliteStore } from "../../host/state/sqlite-store.ts";
import { temporaryFolder } from "../cli/run.ts";
import { APPLIANCE_TEXT } from "./appliance.ts";

const root = temporaryFolder();
const NOBODY = 65_534;
const appliance = parseAppliance(APPLIANCE_TEXT, "appliance.yaml");
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const codeOf = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

describe("the state folder", () => {
  test("is nobody else's, and so is its token, which is made once", () => {
    const path = join(root, "a", "b");
    const folder = StateFolder.open(path);
    const token = folder.token();
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.equal(mode(path), "700");
    assert.equal(mode(join(path, "token")), "600");
    assert.equal(StateFolder.open(path).token(), token);
  });

  test("what others may read is taken from them again", () => {
    const path = join(root, "open");
    mkdirSync(path, { mode: 0o755 });
    const token = StateFolder.open(path).token();
    chmodSync(path, 0o755);
    chmodSync(join(path, "token"), 0o644);
    assert.equal(StateFolder.open(path).token(), token);
    assert.equal(mode(path), "700");
    assert.equal(mode(join(path, "token")), "600");
  });

  test("another user's folder is refused, and another's token is not taken", { skip: process.getuid?.() === 0 ? false : "needs root, to give files away" }, () => {
    const theirs = join(root, "theirs");
    mkdirSync(theirs);
    chownSync(theirs, NOBODY, NOBODY);
    assert.throws(() => StateFolder.open(theirs), codeOf("E_STATE_FOLDER"));
    const folder = StateFolder.open(join(root, "was-open"));
    const known = "0".repeat(64);
    writeFileSync(folder.file("token"), known);
    chownSync(folder.file("token"), NOBODY, NOBODY);
    assert.notEqual(folder.token(), known);
    const elsewhere = join(root, "elsewhere");
    writeFileSync(elsewhere, known, { mode: 0o644 });
    rmSync(folder.file("token"));
    symlinkSync(elsewhere, folder.file("token"));
    assert.notEqual(folder.token(), known);
    assert.equal(mode(elsewhere), "644");
  });

  test("a token that a crash has cut off is made anew; a place that is no folder is refused", () => {
    const folder = StateFolder.open(join(root, "cut"));
    writeFileSync(folder.file("token"), "abc");
    assert.match(folder.token(), /^[0-9a-f]{64}$/);
    assert.throws(() => StateFolder.open(folder.file("token")), codeOf("E_STATE_FOLDER"));
  });
});

describe("the journal", () => {
  const also = { note: () => undefined };
  const now = () => Date.UTC(2026, 0, 2);

  test("goes on counting after a restart, and says again what it said", () => {
    const file = StateFolder.open(join(root, "journal")).file("state.db");
    const first = new SqliteStore(file);
    const before = new EventLog({ store: first, also, now });
    before.note("joined", { blade: "a" });
    before.note("offline", { blade: "a", cut: 3 });
    first.close();
    const second = new SqliteStore(file);
    const log = new EventLog({ store: second, also, now });
    log.note("removed", { blade: "a" });
    assert.deepEqual(log.after(1, 10), [
      { n: 2, at: "2026-01-02T00:00:00.000Z", event: "offline", details: { blade: "a", cut: 3 } },
      { n: 3, at: "2026-01-02T00:00:00.000Z", event: "removed", details: { blade: "a" } },
    ]);
    second.close();
  });

  test("what a caller has seen is durable by then", () => {
    const noted: string[] = [];
    const durable: string[] = [];
    const store = { note: (_: number, event: string) => void noted.push(event), flush: () => void durable.push(...noted.splice(0)), journal: () => [] };
    const log = new EventLog({ store, also, now });
    log.note("one", {});
    assert.deepEqual(durable, []);
    assert.deepEqual(log.after(0, 10).map(({ event }) => event), ["one"]);
    assert.deepEqual(durable, ["one"]);
  });

  test("keeps the last ones at hand", () => {
    const log = new EventLog({ store: null, also, now });
    for (let i = 0; i < 40_000; i++) log.note("noise", {});
    assert.deepEqual(log.after(39_998, 10).map(({ n }) => n), [39_999, 40_000]);
    assert.ok(log.after(0, 40_000).length >= EVENTS_MAX);
    assert.ok(log.after(0, 40_000).length <= EVENTS_MAX * 2);
  });
});

describe("an appliance file that has changed since", () => {
  const folder = StateFolder.open(join(root, "identity"));
  checkIdentity(appliance, "00", folder);

  test("what decides a client's bucket must be as it was", () => {
    checkIdentity({ ...appliance, name: "other", blades: [] }, "00", folder);
    for (const change of [{ vips: ["192.0.2.81"] }, { vmac: "02:00:00:00:00:99" }, { buckets: 32 }, { hash: "low-bits" as const }]) {
      assert.throws(() => checkIdentity({ ...appliance, ...change }, "00", folder), codeOf("E_STATE_APPLIANCE"));
    }
    assert.throws(() => checkIdentity(appliance, "01", folder), codeOf("E_STATE_APPLIANCE"));
    assert.doesNotMatch(readFileSync(folder.file("appliance.json"), "utf8"), /"00"/);
  });

  test("a blade in service must be known as it is there; one that is out may change", () => {
    const blades = new Blades(appliance, folder);
    const members = appliance.blades.flatMap(membersOf);
    const view = { buckets: 16, members, assigner: "balanced", moves: [] };
    checkMembers(view, (name) => blades.find(name));
    const moved = (name: string) => ({ ...blades.find(name)!, port: 9 });
    assert.throws(() => checkMembers(view, moved), codeOf("E_STATE_APPLIANCE"));
    assert.throws(() => checkMembers(view, () => undefined), codeOf("E_STATE_APPLIANCE"));
    checkMembers({ ...view, members: members.map((member) => ({ ...member, status: "offline" })) }, () => undefined);
  });

  test("a described blade is kept, must not clash, and can be taken back", () => {
    const blades = new Blades(appliance, folder);
    const added = { name: "new", mac: "02:00:00:00:00:0a", port: 10, weight: 1, vms: [] };
    const takeBack = blades.describe(added);
    assert.deepEqual(new Blades(appliance, folder).find("new"), added);
    assert.throws(() => blades.describe({ ...added, name: "newer" }), codeOf("E_APPLIANCE_DUPLICATE"));
    takeBack();
    assert.equal(new Blades(appliance, folder).find("new"), undefined);
    assert.throws(() => blades.named("new"), codeOf("E_BLADE_UNKNOWN"));
  });
});

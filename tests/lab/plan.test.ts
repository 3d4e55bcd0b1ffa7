import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BLADE_NAMES, clientAddresses } from "../../host/lab/addresses.ts";
import { applianceFile, SWITCH_KINDS } from "../../host/lab/lab-appliance.ts";
import type { RunFolder } from "../../host/lab/run-folder.ts";
import { planSessions, type SessionResult, TRANSFER_SECONDS } from "../../host/lab/sessions.ts";
import { checkUploads } from "../../host/lab/uploads.ts";
import { parseAppliance } from "../../host/model/appliance-file.ts";
import { createHash } from "node:crypto";
import { temporaryFolder } from "../cli/run.ts";

const clients = clientAddresses(72);
const folder = { join: (...parts: string[]) => join("/run/dobbs-lab/1-x", ...parts) } as RunFolder;

test("enough sessions of every kind are planned, all clients have some, and the seed alone decides", () => {
  const sessions = planSessions(clients, 1, { uploads: true });
  assert.ok(sessions.length >= 150);
  assert.equal(new Set(sessions.map(({ client }) => client)).size, clients.length);
  assert.deepEqual([...new Set(sessions.map(({ kind }) => kind))].sort(), ["download", "idle", "keep-alive", "upload"]);
  assert.deepEqual(sessions.map(({ id }) => id), [...sessions.keys()]);
  assert.deepEqual(planSessions(clients, 1, { uploads: true }), sessions);
  assert.notDeepEqual(planSessions(clients, 2, { uploads: true }), sessions);
  for (const { file } of sessions) assert.ok(file === "small" || TRANSFER_SECONDS.includes(Number(file.split("-")[1])), file);
});

test("a server that takes no uploads gets downloads in their place", () => {
  const sessions = planSessions(clients, 1, { uploads: false });
  assert.equal(sessions.filter(({ kind }) => kind === "upload").length, 0);
  assert.equal(sessions.length, planSessions(clients, 1, { uploads: true }).length);
});

for (const kind of SWITCH_KINDS) {
  test(`the appliance file of a lab with ${kind} switches is one: two of them, the first active`, () => {
    const appliance = parseAppliance(applianceFile(folder, { families: [4], blades: BLADE_NAMES, kind, seed: 1 }), "appliance.yaml");
    assert.deepEqual(appliance.switches.map(({ name, role }) => `${name} ${role}`), ["west active", "east standby"]);
    assert.ok(appliance.switches.every((one) => one.kind === kind));
    assert.equal(appliance.hash, kind === "dobbs" ? "mix" : "low-bits");
    assert.equal(appliance.blades.length, 4);
    assert.match(appliance.seed!, /^[0-9a-f]{32}$/);
  });
}

test("an upload that its client calls done counts only when the server has it byte for byte", () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "a"));
  writeFileSync(join(root, "a", "0"), "what was sent");
  writeFileSync(join(root, "a", "1"), "what was se");
  const sessions = planSessions(clients, 1, { uploads: true }).slice(0, 4).map((session) => ({ ...session, kind: "upload" as const, file: "x" }));
  const result = (id: number): SessionResult =>
    ({ id, outcome: "ok", detail: "", clientPort: 1, connectedAt: 1, endedAt: 2, blade: id === 3 ? null : "a" });
  writeFileSync(join(root, "a", "3"), "what was sent");
  const hashes = { x: createHash("sha256").update("what was sent").digest("hex") };
  const checked = checkUploads(sessions, new Map([0, 1, 2, 3].map((id) => [id, result(id)])), hashes, new Map([["a", join(root, "a")]]));
  assert.deepEqual([...checked.values()].map(({ outcome }) => outcome), ["ok", "corrupt", "corrupt", "ok"]);
});

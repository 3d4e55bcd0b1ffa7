import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { loadAppliance } from "../../host/model/appliance-file.ts";
import { packagePath } from "../../host/paths.ts";
import { assertFails, dobbs, dobbsJson, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();

test("init writes a file that is valid as it is, commented, and knows its schema", () => {
  const { status, stdout } = dobbs(folder, "init", "appliance.yaml");
  assert.equal(status, 0);
  assert.match(stdout, /^Wrote appliance\.yaml/);
  const path = join(folder, "appliance.yaml");
  const appliance = loadAppliance(path);
  assert.deepEqual(appliance.blades.map(({ name }) => name), ["dobbs-ferry", "ardsley"]);
  assert.equal(appliance.buckets, 256);

  const text = readFileSync(path, "utf8");
  const [, schema] = /^# yaml-language-server: \$schema=(.*)\n/.exec(text)!;
  assert.equal(resolve(dirname(path), schema!), packagePath("schemas", "appliance.schema.json"));
  for (const field of ["name", "vips", "vmac", "buckets", "hash", "uplinks", "blades"]) {
    assert.match(text, new RegExp(`#.*\n${field}:`), `${field} has a comment`);
  }
});

test("what the starter file has in comments is valid too", () => {
  dobbs(folder, "init", "commented.yaml");
  const path = join(folder, "commented.yaml");
  const open = readFileSync(path, "utf8")
    .replace(/^( *)# (seed:|- name: hastings|services:|connectionIds:|balance:|filters:|forward:|switches:)/gm, "$1$2")
    .replace(/^( *)# ( {2,})/gm, "$1$2")
    .replace("\nhash: mix", "\nhash: low-bits")
    .replaceAll(/(seed|key): "\.\.\."/g, '$1: "000102030405060708090a0b0c0d0e0f"');
  writeFileSync(path, open);
  const appliance = loadAppliance(path);
  assert.equal(appliance.blades.length, 3);
  assert.equal(appliance.blades[2]!.vms.length, 2);
  assert.deepEqual(appliance.balance, { share: 0.05, everyMs: 10_000, gap: 0.25 });
  assert.equal(appliance.filters.length, 1);
  assert.equal(appliance.forward.length, 1);
  assert.deepEqual(appliance.services.map((service) => service.class), ["none", "flow", "cid"]);
  assert.deepEqual(Object.keys(appliance.connectionIds[0]!.servers), ["dobbs-ferry", "ardsley", "hastings/vm1", "hastings/vm2"]);
  assert.deepEqual(appliance.switches.map(({ kind }) => kind), ["dobbs", "nft", "ovs"]);
  assert.equal(appliance.seed, "000102030405060708090a0b0c0d0e0f");
});

test("init --json names the file and the schema", () => {
  assert.deepEqual(dobbsJson(folder, "init", "j.yaml"), { file: "j.yaml", schema: packagePath("schemas", "appliance.schema.json") });
});

test("init leaves a file that exists alone", () => {
  writeFileSync(join(folder, "mine.yaml"), "mine");
  assertFails(folder, ["init", "mine.yaml"], { status: 2, code: "E_FILE_EXISTS", message: /mine\.yaml exists/, mend: /another file/ });
  assert.equal(readFileSync(join(folder, "mine.yaml"), "utf8"), "mine");
});

test("init into a folder that is not there is E_FILE_WRITE", () => {
  assertFails(folder, ["init", "no/a.yaml"], { status: 2, code: "E_FILE_WRITE", message: /no\/a\.yaml/, mend: /folder/ });
  assert.equal(existsSync(join(folder, "no")), false);
});

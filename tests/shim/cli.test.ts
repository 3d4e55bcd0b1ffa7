import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { packagePath } from "../../host/paths.ts";
import { assertFails, dobbs, dobbsJson } from "../cli/run.ts";
import { temporaryFolder } from "../transport/support.ts";
import { bundleOf, FakeShim } from "./fake-shim.ts";

const folder = temporaryFolder();
const DOBBS = packagePath("build", "host", "cli", "dobbs.js");

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `dobbs` while this process goes on: the shim is here. */
function run(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [DOBBS, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function shimAt(name: string): Promise<FakeShim> {
  const shim = new FakeShim({ kind: "unix", path: join(folder, name) }, bundleOf("emulated", "blade"));
  await shim.start();
  return shim;
}

describe("dobbs shim", () => {
  test("shows firmware, ports and counters", async () => {
    const shim = await shimAt("shown.sock");
    const word = `unix:${join(folder, "shown.sock")}`;
    const { status, stdout, stderr } = await run("shim", word);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^ardsley\n/);
    assert.match(stdout, /blade, board emulated, release 0\.1\.0/);
    assert.match(stdout, /1 d 2 h/);
    assert.match(stdout, /0 +packet:wire +12,345 +6 +0 +1 +0 +2/);
    assert.match(stdout, /restarted by a trap once/);
    const json = await run("shim", word, "--json");
    assert.deepEqual(JSON.parse(json.stdout), { ...(shim.status() as object), links: 1 });
  });

  test("says what is wrong with a word, and that nobody is there", () => {
    assertFails(folder, ["shim", "ardsley"], { status: 2, code: "E_LINK_WORD", message: /ardsley/, mend: /unix:/ });
    const none = `unix:${join(folder, "none")}`;
    assertFails(folder, ["shim", none], { status: 1, code: "E_LINK_CONNECT", message: /there is no socket/, mend: /runs/ });
    assertFails(folder, ["shim", "tls:127.0.0.1:1"], { status: 2, code: "E_TLS_MISSING", message: /certificate/, mend: /--tls-ca/ });
  });
});

describe("dobbs flash", () => {
  test("says what runs, what will run, and what became of the tables", async () => {
    const shim = await shimAt("flash.sock");
    const word = `unix:${join(folder, "flash.sock")}`;
    const same = file("same.bundle", bundleOf("emulated", "blade", "0.2.0"));
    const { status, stdout, stderr } = await run("flash", same, "--to", word);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /runs +blade +emulated +0\.1\.0/);
    assert.match(stdout, /will run +blade +emulated +0\.2\.0/);
    assert.match(stdout, /4\.1 ms/);
    assert.match(stdout, /Tables kept/);
    assert.equal(shim.bundle.manifest.version, "0.2.0");

    const json = await run("flash", file("tiny.bundle", bundleOf("tiny", "blade")), "--to", word, "--json");
    const told = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual([told.shim, told.tables, told.pauseUs], ["ardsley", "lost", 4_100]);
    assert.deepEqual([(told.before as { version: string }).version, (told.after as { board: string }).board], ["0.2.0", "tiny"]);
  });

  test("checks the bundle before anything is sent", async () => {
    const shim = await shimAt("checked.sock");
    const word = `unix:${join(folder, "checked.sock")}`;
    const damaged = bundleOf("emulated", "blade");
    damaged[500] = damaged[500]! ^ 1;
    const bad = await run("flash", file("damaged.bundle", damaged), "--to", word);
    assert.equal(bad.status, 2);
    assert.match(bad.stderr, /^error E_BUNDLE_DIGEST: .*damaged\.bundle/);
    assert.deepEqual(shim.asked, []);
    const other = await run("flash", file("switch.bundle", bundleOf("emulated", "switch")), "--to", word);
    assert.equal(other.status, 2);
    assert.match(other.stderr, /^error E_BUNDLE_KIND: .*ardsley is a blade/);
    assertFails(folder, ["flash", "none.bundle", "--to", word], { status: 2, code: "E_BUNDLE_READ", message: /none/, mend: /dobbs build/ });
  });
});

describe("dobbs build", () => {
  test("writes the bundles of a board, and says that they are up to date the next time", () => {
    type Told = { bundles: { path: string; kind: string; digest: string; kept: boolean; bytes: number }[] };
    const first = dobbsJson<Told>(folder, "build", "--board", "tiny", "--out", "out");
    assert.deepEqual(first.bundles.map(({ kind, kept }) => [kind, kept]), [["blade", false], ["switch", false]]);
    for (const { path, digest, bytes } of first.bundles) {
      assert.equal(statSync(path).size, bytes);
      assert.equal(readFileSync(path).subarray(-32).toString("hex"), digest);
    }
    const again = dobbs(folder, "build", "--board", "tiny", "--out", "out");
    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stdout, /tiny +blade .*up to date/);
  });

  test("refuses boards that there are not, and folders that cannot be written", () => {
    assertFails(folder, ["build", "--board", "nope"], { status: 2, code: "E_BOARD_NOT_FOUND", message: /nope/, mend: /tiny/ });
    mkdirSync(join(folder, "taken"), { recursive: true });
    file("taken/tiny", Buffer.alloc(0));
    assertFails(folder, ["build", "--board", "tiny", "--out", "taken"], { status: 2, code: "E_FILE_WRITE", message: /taken/, mend: /folder/ });
  });
});

describe("dobbs keys", () => {
  test("makes a CA and a node's certificate, lists them, and overwrites nothing", () => {
    assert.match(dobbs(folder, "keys", "init", "keys").stdout, /ca\.pem.*ca\.key/);
    const issue = ["keys", "issue", "keys", "shim", "ardsley", "--address", "10.0.0.7", "--address", "west.example", "--days", "30"];
    const issued = dobbsJson<{ certificate: string; key: string }>(folder, ...issue);
    assert.equal(statSync(join(folder, issued.key)).mode & 0o777, 0o600);
    assert.match(dobbs(folder, "keys", "list", "keys").stdout, /shim +ardsley +\d{4}-\d\d-\d\d +ok +ardsley 10\.0\.0\.7 west\.example/);
    assertFails(folder, issue, { status: 2, code: "E_KEYS_EXISTS", message: /shim-ardsley\.key/, mend: /another/ });
    assertFails(folder, ["keys", "init", "keys"], { status: 2, code: "E_KEYS_EXISTS", message: /ca\.key/, mend: /another/ });
    assertFails(folder, ["keys", "issue", "none", "blade", "a"], { status: 2, code: "E_KEYS_NONE", message: /none/, mend: /keys init none/ });
    assertFails(folder, ["keys", "issue", "keys", "router", "a"], { status: 2, code: "E_USAGE", message: /router/, mend: /help/ });
    assertFails(folder, ["keys", "issue", "keys", "blade", "a", "--days", "0"], { status: 2, code: "E_USAGE", message: /days/, mend: /help/ });
  });
});

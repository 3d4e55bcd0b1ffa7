/** The operator's commands as processes, against the API of a real appliance manager. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../cli/run.ts";
import { startManager, type TestManager, until } from "./manager.ts";
import { DOBBS, type Outcome, run, Running, start } from "./process.ts";

const root = temporaryFolder();
const NO_SCRIPT = spawnSync("script", ["--version"]).status === 0 ? false : "`script` (package bsdutils) is not installed";

describe("the operator's commands", () => {
  let world: TestManager;
  before(async () => {
    world = await startManager(join(root, "state"));
    world.blades.plug("ardsley", "dobbs-ferry");
  });
  after(() => world.close());

  const dobbs = (...args: string[]): Promise<Outcome> => run(root, ...args, "--state", world.folder);
  const text = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await dobbs(...args);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    return stdout;
  };
  const fails = async (args: string[], status: 1 | 2, message: RegExp): Promise<void> => {
    const outcome = await dobbs(...args);
    assert.equal(outcome.status, status, outcome.stderr);
    assert.equal(outcome.stdout, "");
    assert.match(outcome.stderr, message);
    assert.match(outcome.stderr, /\n {2}mend: \S/);
  };

  test("add, status, drain and remove", async () => {
    assert.match(await text("add", "ardsley"), /^ardsley is in the appliance, with 16 of 16 buckets \(generation 1\)\.\n$/);
    assert.match(await text("add", "dobbs-ferry"), /^dobbs-ferry is in the appliance, with 8 of 16 buckets \(generation \d+\)\.\n$/);
    world.blades.setLive("ardsley", 1_234);
    await until("its connections are known", () => world.manager.status().owners[0]!.live === 1_234);
    assert.match(await text("drain", "ardsley", "--deadline", "1h30m"), /^ardsley drains: 1,234 connections left, what is left in 1h 30m is cut\.\n$/);
    const status = await text("status");
    assert.match(status, /^test {2}192\.0\.2\.1\ngeneration \d+, 16 buckets, idle\n\nblade +status +health +load +weight +generation +live +current +previous +drain ends\n/);
    assert.match(status, /^ardsley +draining +healthy +0\.25 +1 +\d+ +1,234 +0 +8 +in 1h 29m \(\d\d:\d\d:\d\d\)$/m);
    assert.match(status, /^dobbs-ferry +active +healthy +0\.25 +1 +\d+ +0 +16 +0$/m);
    assert.match(status, /^hastings +spare +absent +- +1 +0 +0 +0 +0$/m);
    assert.match(status, /^west +active +generation \d+\neast +standby +generation \d+$/m);
    assert.equal(await text("remove", "ardsley"), "ardsley is removed: 1,234 connections were cut.\n");
    world.blades.setLive("ardsley", 0);
  });

  test("what cannot be done exits 1, what nobody knows 2, each with code and mend; --json too", async () => {
    await Promise.all([
      fails(["drain", "dobbs-ferry"], 1, /^error E_NO_ACTIVE_MEMBER: /),
      fails(["remove", "dobbs-ferry"], 1, /^error E_BLADE_STATUS: /),
      fails(["drain", "nobody"], 2, /^error E_BLADE_UNKNOWN: /),
      fails(["add", "nobody"], 2, /^error E_BLADE_UNKNOWN: .*\n {2}mend: Describe it/),
      fails(["add", "nobody", "--mac", "02:00:00:00:00:07"], 2, /^error E_USAGE: .*--mac and --port/),
      fails(["failover", "north"], 2, /^error E_SWITCH_UNKNOWN: /),
    ]);
    const { status, stdout } = await dobbs("drain", "nobody", "--json");
    assert.equal(status, 2);
    assert.equal(JSON.parse(stdout).error.code, "E_BLADE_UNKNOWN");
  });

  test("fail says what was lost; a described blade with VMs comes in", async () => {
    world.blades.plug("irvington");
    const added = await text("add", "irvington", "--mac", "02:00:00:00:00:0a", "--port", "9", "--vm", "vm1=02:00:00:00:01:0a@1", "--vm", "vm2=02:00:00:00:02:0a@2", "--weight", "2");
    assert.match(added, /^irvington is in the appliance, with 1[01] of 16 buckets/);
    assert.match(await text("status"), /^irvington\/vm2 +1 +0 +\d+ +0$/m);
    assert.equal(await text("fail", "irvington"), "irvington is failed, and its port is shut: no connection was cut.\n");
    assert.match(await text("status"), /^irvington +failed /m);
  });

  test("filter list, add and remove", async () => {
    assert.match(await text("filter", "list"), /^position +action +at +destination +source +ethertype +port\n +1 +drop +switch +any +any +ipv6 +any\n$/);
    assert.equal(await text("filter", "add", "allow", "--destination", "01:80:c2:00:00:0e", "--ethertype", "0x88cc", "--port", "0", "--position", "1"), "The rule is in force.\n");
    assert.match(await text("filter", "list"), /^ +1 +allow +blades +01:80:c2:00:00:0e +any +0x88cc +0\n +2 +drop/m);
    assert.equal(await text("filter", "remove", "2"), "The rule is gone.\n");
    const { filters } = JSON.parse(await text("filter", "list", "--json"));
    assert.deepEqual(filters, [{ action: "allow", destination: "01:80:c2:00:00:0e", ethertype: 0x88cc, port: 0, at: "blades" }]);
    await fails(["filter", "remove", "2"], 2, /^error E_FILTER_UNKNOWN: /);
    await fails(["filter", "add", "maybe"], 2, /^error E_USAGE: .*Allowed choices are allow, drop/);
    await fails(["filter", "add", "drop", "--at", "nobody"], 2, /^error E_APPLIANCE_REFERENCE: /);
  });

  test("forward list, add and remove", async () => {
    assert.match(await text("forward", "list"), /^MAC +at +port\n02:00:00:00:00:99 +ardsley +2\n$/);
    assert.equal(await text("forward", "add", "02:00:00:00:00:9a", "--at", "switch", "--port", "7"), "02:00:00:00:00:9a is behind port 7 of switch.\n");
    assert.match(await text("forward", "add", "02:00:00:00:00:9b", "--at", "hastings", "--port", "9"), /^02:00:00:00:00:9b will be behind port 9 of hastings, which cannot be asked now: /);
    await text("forward", "remove", "02:00:00:00:00:9b");
    assert.equal(await text("forward", "remove", "02:00:00:00:00:99"), "02:00:00:00:00:99 is no station any more.\n");
    assert.match(await text("forward", "list"), /^MAC +at +port\n02:00:00:00:00:9a +switch +7\n$/);
    await fails(["forward", "add", "03:00:00:00:00:9b", "--at", "switch", "--port", "7"], 2, /^error E_APPLIANCE_ADDRESS: /);
    await fails(["forward", "add", "02:00:00:00:00:9b"], 2, /^error E_USAGE: .*--(at|port)/);
  });

  test("failover takes the only standby", async () => {
    assert.equal(await text("failover"), "east is the active switch now.\n");
    assert.equal(await text("failover", "west"), "west is the active switch now.\n");
  });

  test("--api with --token-file instead of the state folder; a wrong token, and nobody there", async () => {
    const { status, stdout } = await run(root, "status", "--json", "--api", world.url, "--token-file", join(world.folder, "token"));
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).appliance, "test");
    writeFileSync(join(root, "token"), "wrong");
    const outcomes = await Promise.all([
      run(root, "status", "--api", world.url, "--token-file", join(root, "token")),
      run(root, "status", "--state", join(root, "none")),
      run(root, "status", "--api", "http://127.0.0.1:1", "--token-file", join(root, "token")),
      run(root, "status", "--api", world.url, "--token-file", join(root, "none")),
    ]);
    assert.deepEqual(outcomes.map((outcome) => [outcome.status, outcome.stderr.split(" ")[1]]), [
      [2, "E_API_TOKEN:"],
      [1, "E_MANAGER_UNREACHABLE:"],
      [1, "E_MANAGER_UNREACHABLE:"],
      [2, "E_TOKEN_READ:"],
    ]);
    assert.match(outcomes[1]!.stderr, /mend: Start it with: dobbs serve --appliance <file> --state /);
  });

  test("watch, where stdout is no terminal: one line for each event, as JSON with --json", async () => {
    const plain = start(root, "watch", "--interval", "50ms", "--state", world.folder);
    const json = start(root, "watch", "--interval", "50ms", "--json", "--state", world.folder);
    // They begin with what comes after they have looked first.
    let weight = 1;
    await until("both have seen a rebalancing", async () => {
      await world.ask("POST", "/v1/weights", { weights: { "dobbs-ferry": ++weight } });
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [plain, json].every(({ stdout }) => stdout.includes("dobbs-ferry=") && stdout.endsWith("\n"));
    });
    await Promise.all([plain.kill("SIGTERM"), json.kill("SIGTERM")]);
    assert.match(plain.stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}asked for: weights dobbs-ferry=\d+$/m);
    const records = json.stdout.trim().split("\n").map((line) => JSON.parse(line) as { n: number; event: string });
    assert.ok(records.some(({ event }) => event === "requested"));
    assert.deepEqual(records.map(({ n }) => n), records.map((_, i) => records[0]!.n + i));
  });

  test("watch, on a terminal: the view in the alternate screen, until q", { skip: NO_SCRIPT }, async () => {
    const command = `stty rows 30 cols 90; ${process.execPath} ${DOBBS} watch --interval 50ms --state ${world.folder}; echo "exit $?"`;
    const terminal = new Running("script", ["-qec", command, "/dev/null"], { cwd: root, env: { TERM: "xterm" } });
    await until("the view is there", () => terminal.stdout.includes("q quits"));
    terminal.child.stdin!.write("q");
    const { stdout } = await terminal.ended;
    assert.ok(stdout.includes("\x1b[?1049h") && stdout.includes("\x1b[?25l"));
    assert.match(stdout, /dobbs-ferry +active +healthy/);
    assert.match(stdout, /█+ \d+/);
    // The cursor is back, and what was on the terminal before.
    assert.ok(stdout.lastIndexOf("\x1b[?25h") > stdout.lastIndexOf("\x1b[?25l"));
    assert.ok(stdout.lastIndexOf("\x1b[?1049l") > stdout.lastIndexOf("\x1b[?1049h"));
    assert.match(stdout, /exit 0\r?\n/);
  });
});

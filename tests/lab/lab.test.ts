/** The lab as its users run it: a child process, as root, for about a minute each. One file, for there is one lab at a time. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusDocument } from "../../host/api/status-document.ts";
import type { DobbsError } from "../../host/errors.ts";
import { CLIENTS, VIP } from "../../host/lab/addresses.ts";
import { SWITCH_KINDS } from "../../host/lab/lab-appliance.ts";
import { labNamespaces } from "../../host/lab/namespaces.ts";
import type { LabReport } from "../../host/lab/report.ts";
import { checkRequirements } from "../../host/lab/requirements.ts";
import type { Leftovers } from "../../host/lab/run-folder.ts";
import { packagePath } from "../../host/paths.ts";
import type { RecordingResult } from "../../host/replay/recording.ts";
import { dobbsJson, temporaryFolder } from "../cli/run.ts";
import { assertNothingLeft, DOBBS, type Ended, isRoot, type LabOutput, labProcesses, runLab, skipReason, startLab, type Started } from "./run.ts";
import { testScenes } from "./scenes.ts";

const WAIT_MS = 60_000;
/** So many at once: the first sessions are under way. */
const BUSY_TRANSFERS = 20;

const folder = temporaryFolder();

/** Waits until the clients of a lab are busy. `others`: processes that are not this lab's. */
async function untilBusy(lab: Started, others: readonly string[] = []): Promise<void> {
  const until = Date.now() + WAIT_MS;
  const isTransfer = (process: string): boolean => process.includes("curl ") && !others.includes(process);
  while (labProcesses().filter(isTransfer).length < BUSY_TRANSFERS) {
    if (lab.child.exitCode !== null) assert.fail((await lab.ended).stderr);
    assert.ok(Date.now() < until, "no transfers were started");
    await sleep(50);
  }
}

function inClients(...command: readonly string[]): Ended {
  return spawnSync("ip", ["netns", "exec", CLIENTS, ...command], { encoding: "utf8" });
}

// A test that failed in between must not leave a lab to those after it.
after(() => {
  if (isRoot) spawnSync(process.execPath, [DOBBS, "lab", "--down"]);
});

test("without root it says what it needs, and exits with 2", () => {
  // Without any right over the machine, and still with those to the folder that this is in.
  const command = [process.execPath, DOBBS, "lab"] as const;
  const { status, stderr, error } = isRoot
    ? spawnSync("unshare", ["--user", ...command], { encoding: "utf8" })
    : spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  assert.equal(error, undefined);
  assert.equal(status, 2, stderr);
  assert.match(stderr, /^error E_LAB_ROOT: .*network namespaces.*\n {2}mend: .*root/);
});

test("a program that is missing is named, with the package to install", { skip: isRoot ? false : "takes root" }, () => {
  const programs = new Map([["sh", "dash"], ["no-such-program", "its-package"]]);
  assert.throws(() => checkRequirements({ programs, built: [] }), (error: DobbsError) => {
    assert.equal(error.code, "E_LAB_PACKAGES");
    assert.match(error.message, /no-such-program$/);
    assert.match(error.mend, /scripts\/system-packages\.sh.*apt-get install its-package$/);
    return true;
  });
  assert.throws(() => checkRequirements({ programs: new Map(), built: ["/no/such/file"] }), { code: "E_LAB_BUILD" });
});

/** Every image comes to the verdicts of its shim again, frame by frame. */
function assertReplays(recordings: string): void {
  const files = readdirSync(recordings).filter((file) => file.endsWith(".pcapng"));
  // Four blades, one of which was started twice, and two switches.
  assert.equal(files.length, 7, files.join(" "));
  const bundles = files.map((file) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [DOBBS, "replay", "--in", join(recordings, file), "--json"], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    assert.equal(status, 0, `${file}: ${stderr} ${stdout.slice(-2_000)}`);
    const result = JSON.parse(stdout) as RecordingResult;
    assert.deepEqual(result.differences, []);
    assert.ok(result.frames > 50 && result.requests > 5, `${file}: ${result.frames} frames, ${result.requests} requests`);
    return result.bundles.length;
  });
  assert.equal(bundles.filter((count) => count === 2).length, 2, "two blades were flashed");
}

/** It serves, is managed, keeps others from starting, and goes when it is told to. */
async function assertKept({ kept }: LabOutput<LabReport>): Promise<void> {
  const state = join(kept!, "state");
  const status = dobbsJson<StatusDocument>(folder, "status", "--state", state);
  assert.ok(status.blades.some((blade) => blade.status === "active" && blade.health === "healthy"), JSON.stringify(status));
  const answer = inClients("curl", "-sS", "-m", "10", `http://${VIP}/files/small`, "-o", "/dev/null", "-w", "%{http_code}");
  assert.equal(answer.stdout, "200", answer.stderr);
  const second = await startLab().ended;
  assert.equal(second.status, 2);
  assert.match(second.stderr, /^error E_LAB_RUNNING: a lab that was kept .*\n {2}mend: .*--down/);
  const down = dobbsJson<Leftovers>(folder, "lab", "--down");
  assert.ok(down.namespaces > 0 && down.processes > 0, JSON.stringify(down));
}

for (const kind of SWITCH_KINDS) {
  const recordings = join(folder, "recordings");
  const more = kind === "dobbs" ? ["--record", recordings] : kind === "nft" ? ["--keep"] : [];
  test(`${kind} switches: blades come and go, fail and are flashed, and no session is broken`, { skip: skipReason(kind) }, async () => {
    const report = await runLab<LabReport>("--switch", kind, ...more);
    assert.equal(report.switch, kind);
    assert.ok(report.clients >= 64, `${report.clients} clients`);
    assert.ok(report.sessions >= 150, `${report.sessions} sessions`);
    assert.ok(report.moved.alive >= 40, `${report.moved.alive} moved`);
    assert.ok(report.redirects.hop > 0, JSON.stringify(report.redirects));
    assert.equal(report.moved.broken, 0);
    assert.equal(report.resets, 0);
    assert.equal(report.cut, 0);
    assert.deepEqual(report.broken, []);
    // Adds, drains and the failure of a blade: each a generation of its own.
    assert.ok(report.generations.length >= 5, report.generations.join(" "));
    assert.ok(report.silences.sessions >= 32 && report.silences.shortestMs > 1_000, JSON.stringify(report.silences));
    assert.equal(report.silences.segments, 0);
    // The appliance manager died in the middle of each add and drain, and the next one came to the same end.
    assert.equal(report.managerKills.length, 4);
    for (const kill of report.managerKills) assert.ok(kill.intended, JSON.stringify(kill));
    assert.ok(report.managerKills.some(({ after }) => ["requested", "prepared", "installed"].includes(after)), JSON.stringify(report.managerKills));
    // The blade that lost its power had sessions, and they alone are gone.
    assert.equal(report.failed?.blade, "tarrytown");
    assert.ok(report.failed.sessions > 0);
    assert.equal(report.endings.ok, report.sessions - report.failed.broken);
    if (kind === "nft") await assertKept(report);
    assertNothingLeft();
    if (kind === "dobbs") assertReplays(recordings);
  });
}

for (const kind of SWITCH_KINDS) {
  test(`${kind} switches without redirection: most sessions whose bucket moves are broken`, { skip: skipReason(kind) }, async () => {
    const report = await runLab<LabReport>("--switch", kind, "--redirect", "off");
    assert.equal(report.switch, kind);
    assert.ok(report.moved.alive >= 40, `${report.moved.alive} moved`);
    assert.ok(report.moved.brokenPercent >= 80, `${report.moved.brokenPercent}%`);
    assert.ok(report.resets > 0);
    const { hop, resteer, final, local } = report.redirects;
    assert.equal(hop + resteer + final + local, 0);
    assertNothingLeft();
  });
}

test("SIGINT in the middle of the traffic takes it down: no namespace, no process, no file is left", { skip: skipReason("dobbs") }, async () => {
  const lab = startLab();
  await untilBusy(lab);
  const second = await startLab().ended;
  assert.equal(second.status, 2);
  assert.match(second.stderr, /^error E_LAB_RUNNING: a lab is running, as process \d+\n/);
  await assertInterrupted(lab, "SIGINT");
});

test("another server can be named; SIGTERM takes that down too", { skip: skipReason("dobbs") }, async () => {
  const server = packagePath("tests", "lab", "fixtures", "server.mjs");
  const lab = startLab("--server", `'${process.execPath}' '${server}'`);
  await untilBusy(lab);
  const { stdout, stderr } = inClients("curl", "-sS", "-m", "10", "-i", "-o", "-", `http://${VIP}/files/paced-1`);
  assert.match(stdout, /^HTTP\/1\.1 200 OK\r\n[^]*^Server: of-my-own\r$/m, stderr);
  const uploads = labProcesses().filter((process) => process.includes(" -T "));
  assert.ok(uploads.length > 0, "it takes uploads, and gets none");
  await assertInterrupted(lab, "SIGTERM");
});

async function assertInterrupted({ child, ended }: Started, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const { status, stderr } = await ended;
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^error E_LAB_INTERRUPTED: /);
  assertNothingLeft();
}

test("what a kill -9 leaves is found by the next start, said, and removed", { skip: skipReason("dobbs") }, async () => {
  const killed = startLab();
  await untilBusy(killed);
  killed.child.kill("SIGKILL");
  await killed.ended;
  const left = labProcesses();
  assert.ok(left.length > 0 && labNamespaces().length > 0);

  const next = startLab();
  await untilBusy(next, left);
  const alive = labProcesses();
  for (const process of left) assert.ok(!alive.includes(process), process);
  next.child.kill("SIGTERM");
  const { stderr } = await next.ended;
  assert.match(stderr, /^A lab that was killed had left \d+ network namespaces and \d+ processes\.\n/);
  assertNothingLeft();
});

testScenes();

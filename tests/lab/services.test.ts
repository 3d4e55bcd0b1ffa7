/** The programs of a lab, without one. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { identify } from "../../host/lab/processes.ts";
import type { RunFolder } from "../../host/lab/run-folder.ts";
import { finished, Services } from "../../host/lab/services.ts";
import { temporaryFolder } from "../cli/run.ts";

const root = temporaryFolder();
const logs = join(root, "logs");
mkdirSync(logs);

/** All that `Services` wants of a run's folder. */
function open() {
  const noted: { name: string; pid: number }[] = [];
  const folder = { join: (...parts: string[]) => join(root, ...parts), note: (name: string, pid: number) => void noted.push({ name, pid }) };
  return { services: new Services(folder as unknown as RunFolder), noted };
}

test("whatever a lab starts is noted, so that it is ended with the lab", async () => {
  const { services, noted } = open();
  const service = services.start({ name: "log", namespace: null, command: ["sh", "-c", "echo to the log; sleep 60"] });
  const child = services.pipe({ name: "talk", namespace: null, command: ["cat"] });
  after(() => child.kill());
  assert.deepEqual(noted, [{ name: "log", pid: service.child.pid }, { name: "talk", pid: child.pid }]);
  await service.ready(() => readFileSync(service.log, "utf8") === "to the log\n", 20_000);
  await service.end(0);
  assert.equal(identify(service.child.pid!), null);
  assert.deepEqual(await finished(child), { status: 0, stdout: "", stderr: "" });
});

test("an interrupt reaches what a program has started, also when that is all that heeds it", async () => {
  const { services } = open();
  // As trafgen, whose sender is a process of its own.
  const sender = "trap 'echo so many were sent; exit 0' TERM; echo sending; while :; do sleep 0.05; done";
  const service = services.start({ name: "flood", namespace: null, command: ["sh", "-c", `(${sender}) & trap '' TERM; wait $!`] });
  after(() => service.end(0));
  await service.ready(() => service.said() === "sending\n", 20_000);
  service.interrupt();
  while (service.isRunning) await sleep(20);
  assert.match(service.said(), /^so many were sent$/m);
  service.interrupt();
});

test("a program that is run to its end tells its status and all that it said, or why it could not be started", async () => {
  const { services } = open();
  const run = (...command: string[]) => finished(services.pipe({ name: "run", namespace: null, command }));
  assert.deepEqual(await run("sh", "-c", "echo out; echo err >&2; exit 3"), { status: 3, stdout: "out\n", stderr: "err\n" });
  const { status, stderr } = await run("/no/such/program");
  assert.ok(status! < 0);
  assert.match(stderr, /ENOENT/);
});

test("nothing is started any more once the lab is being taken down, and no file is made", () => {
  const { services, noted } = open();
  services.close();
  const before = readdirSync(logs);
  const options = { name: "late", namespace: null, command: ["true"] };
  assert.throws(() => services.start(options), /late is not started: the lab is being taken down/);
  assert.throws(() => services.pipe(options), /late is not started: the lab is being taken down/);
  assert.deepEqual(noted, []);
  assert.deepEqual(readdirSync(logs), before);
});

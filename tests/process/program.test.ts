import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { DobbsError } from "../../host/errors.ts";
import { packagePath } from "../../host/paths.ts";
import { HostLoad } from "../../host/process/host-load.ts";
import { LogJournal } from "../../host/process/log-journal.ts";
import { RealClock } from "../../host/process/real-clock.ts";
import { Seldom } from "../../host/process/seldom.ts";

test("a clock goes on after a restart, also when the wall clock was set back in between", () => {
  const before = Date.now();
  const clock = new RealClock();
  assert.ok(clock.now() >= before - 1 && clock.now() <= Date.now() + 1);
  assert.ok(Number.isInteger(clock.now()));
  const future = Date.now() + 3_600_000;
  const restarted = new RealClock(future);
  assert.ok(restarted.now() >= future);
});

test("a timer never fires early", async () => {
  const clock = new RealClock();
  const fired: string[] = [];
  await new Promise<void>((resolve) => {
    let left = 60;
    for (let i = 0; i < 60; i++) {
      const ms = (i % 20) + 0.4;
      const due = performance.now() + ms;
      clock.after(ms, () => {
        const early = due - performance.now();
        if (early > 0) fired.push(`${early} ms early`);
        if (--left === 0) resolve();
      });
    }
  });
  assert.deepEqual(fired, []);
});

test("a cancelled timer does not fire, one for now fires later, and one for next month waits", async () => {
  const clock = new RealClock();
  const fired: string[] = [];
  clock.after(1, () => fired.push("cancelled"))();
  const cancel = clock.after(40 * 86_400_000, () => fired.push("next month"));
  await new Promise<void>((resolve) => {
    clock.after(0, () => (fired.push("now"), undefined));
    fired.push("here");
    clock.after(20, resolve);
  });
  cancel();
  assert.deepEqual(fired, ["here", "now"]);
});

const wallClock = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const problem = new DobbsError("E_SOMETHING", "it is broken", "Mend it.");

test("a journal for programs: one JSON object a line, with the same first members as the shim's", () => {
  const lines: string[] = [];
  const journal = new LogJournal({ format: "json", write: (line) => lines.push(line), wallClock });
  journal.note("drained", { blade: "ardsley", buckets: 3, all: true });
  journal.warn("shim-problem", problem, { blade: "ardsley" });
  assert.deepEqual(lines, [
    '{"at":"2026-01-02T03:04:05.006Z","level":"info","event":"drained","blade":"ardsley","buckets":3,"all":true}\n',
    '{"at":"2026-01-02T03:04:05.006Z","level":"warning","event":"shim-problem","blade":"ardsley","code":"E_SOMETHING","message":"it is broken","mend":"Mend it."}\n',
  ]);
});

test("a journal for people: a line each, whatever a name may hold", () => {
  const lines: string[] = [];
  const journal = new LogJournal({ format: "text", write: (line) => lines.push(line), wallClock });
  journal.note("working", { owners: "a b", link: "tls:[::1]:7443", bell: "\u001b[31m\n" });
  journal.error("failed", problem);
  assert.deepEqual(lines, [
    '03:04:05.006 working owners="a b" link="tls:[::1]:7443" bell="\\u001b[31m\\n"\n',
    '03:04:05.006 ERROR failed code=E_SOMETHING message="it is broken" mend="Mend it."\n',
  ]);
});

test("the same news is told once a minute, other news at once, and what is remembered has a bound", () => {
  let now = 0;
  const seldom = new Seldom({ now: () => now });
  assert.deepEqual(["a", "a", "b", "a"].map((text) => seldom.isNews(text)), [true, false, true, false]);
  now = 60_000;
  assert.equal(seldom.isNews("a"), true);
  for (let i = 0; i < 1_000; i++) seldom.isNews(`text ${i}`);
  assert.equal(seldom.isNews("a"), true);
});

test("load is what is runnable for each CPU, averaged over seconds: no spike of one look, and no minute of lag", () => {
  assert.ok(new HostLoad().sample() >= 0);
  const cpus = availableParallelism();
  let [runnable, now] = [0, 0];
  const load = new HostLoad(() => runnable * cpus, () => now);
  const after = (ms: number): number => {
    for (const end = now + ms; now < end; now += 200) load.sample();
    return load.sample();
  };
  assert.equal(after(10_000), 0);
  runnable = 3;
  assert.ok(load.sample() === 0 && after(200) < 0.2, "one look");
  assert.ok(after(20_000) > 2.9);
  runnable = 1;
  const value = after(20_000);
  assert.ok(value >= 1 && value < 1.05, `${value}`);
});

test("the first signal asks a program to stop, the second one ends it", async () => {
  const module = pathToFileURL(packagePath("build", "host", "process", "signals.js")).href;
  const script = `
    import { stopOnSignals } from ${JSON.stringify(module)};
    stopOnSignals((signal) => console.log(signal));
    setInterval(() => {}, 1000);
    console.log("ready");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.push(...text.trim().split("\n"));
    if (text.includes("ready")) child.kill("SIGTERM");
    if (text.includes("SIGTERM")) child.kill("SIGINT");
  });
  const [code] = (await once(child, "exit")) as [number | null];
  assert.deepEqual([said, code], [["ready", "SIGTERM"], 130]);
});

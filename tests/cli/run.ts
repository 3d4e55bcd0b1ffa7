/** Runs the real command line as a child process, in a folder of its own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { packagePath } from "../../host/paths.ts";

const DOBBS = packagePath("build", "host", "cli", "dobbs.js");

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is gone when the tests of this file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dobbs-test-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function dobbs(folder: string, ...args: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [DOBBS, ...args], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** Runs with `--json`; the run succeeds, and all of stdout is one JSON document. */
export function dobbsJson<T>(folder: string, ...args: readonly string[]): T {
  const run = dobbs(folder, ...args, "--json");
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as T;
}

/** The run fails as users are told: status, code and mend on stderr; with `--json` the same as JSON on stdout. */
export function assertFails(folder: string, args: readonly string[], expected: { status: 1 | 2; code: string; message: RegExp; mend: RegExp }): void {
  const text = dobbs(folder, ...args);
  assert.equal(text.status, expected.status, text.stderr);
  assert.equal(text.stdout, "");
  const match = /^error (\w+): ([^]*)\n {2}mend: (.*)\n$/.exec(text.stderr);
  assert.ok(match, text.stderr);
  const [, code, message, mend] = match as unknown as [string, string, string, string];
  assert.equal(code, expected.code);
  assert.match(message, expected.message);
  assert.match(mend, expected.mend);

  const json = dobbs(folder, ...args, "--json");
  assert.equal(json.status, expected.status);
  assert.equal(json.stderr, text.stderr);
  assert.deepEqual(JSON.parse(json.stdout), { error: { code, message, mend } });
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { packagePath } from "../../host/paths.ts";
import { assertFails, dobbs, temporaryFolder } from "./run.ts";

const COMMANDS = [
  "demo", "emulate", "init", "inspect", "replay", "build", "flash", "shim", "traffic-manager", "lab",
  "serve", "add", "drain", "remove", "fail", "status", "watch", "failover",
];
/** Commands that have commands of their own. */
const GROUPS = ["keys", "filter", "forward"];
const folder = temporaryFolder();

test("--help introduces Dobbs, names every command, gives examples and exit codes", () => {
  const { status, stdout, stderr } = dobbs(folder, "--help");
  assert.equal(status, 0);
  assert.equal(stderr, "");
  assert.match(stdout, /cluster of servers/);
  for (const command of [...COMMANDS, ...GROUPS]) assert.match(stdout, new RegExp(`^  ${command} `, "m"));
  assert.match(stdout, /Start here:/);
  assert.match(stdout, /Exit codes:\n {2}0 {2}done\n {2}1 .*\n {2}2 /);
});

for (const command of COMMANDS) {
  test(`${command} --help has an example, --json and exit codes`, () => {
    const { status, stdout } = dobbs(folder, command, "--help");
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^Examples?:\n  dobbs ${command}`, "m"));
    assert.match(stdout, /--json|--log <format>/);
    assert.match(stdout, /^Exit codes: 0 /m);
    assert.doesNotMatch(stdout, /default: (\[\]|\{\})/, "what is left out is said in words");
  });
}

test("--version is the package's", () => {
  const { version } = JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string };
  assert.deepEqual(dobbs(folder, "--version"), { status: 0, stdout: `${version}\n`, stderr: "" });
});

test("no command: the manual on stderr, exit 2", () => {
  const { status, stdout, stderr } = dobbs(folder);
  assert.equal(status, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /Start here:/);
});

test("a misspelt command is E_USAGE, with the right one suggested", () => {
  assertFails(folder, ["inti"], { status: 2, code: "E_USAGE", message: /unknown command 'inti'/, mend: /Did you mean init\?.*dobbs --help/ });
});

test("a misspelt option is E_USAGE, with the right one suggested", () => {
  assertFails(folder, ["inspect", "--imgae", "blade"], { status: 2, code: "E_USAGE", message: /unknown option '--imgae'/, mend: /Did you mean --image\?/ });
});

test("a missing option is E_USAGE", () => {
  assertFails(folder, ["replay", "--image", "blade"], { status: 2, code: "E_USAGE", message: /required option '--in <capture>'/, mend: /--help/ });
});

test("a value that is no choice is E_USAGE, with the choices", () => {
  assertFails(folder, ["replay", "--image", "router"], { status: 2, code: "E_USAGE", message: /Allowed choices are blade, switch/, mend: /--help/ });
  assertFails(folder, ["replay", "--redirect", "maybe"], { status: 2, code: "E_USAGE", message: /Allowed choices are on, off/, mend: /--help/ });
  assertFails(folder, ["replay", "--port", "256"], { status: 2, code: "E_USAGE", message: /whole number from 0 to 254/, mend: /--help/ });
});

test("an argument too many is E_USAGE", () => {
  assertFails(folder, ["init", "a.yaml", "b.yaml"], { status: 2, code: "E_USAGE", message: /too many arguments/, mend: /--help/ });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type CommandOptions, type Outcome, runCommand } from "../../host/switches/command.ts";

function run(options: CommandOptions): Promise<Outcome> {
  return new Promise((resolve) => runCommand(options, resolve));
}

test("a command gets its words as they are, and its input", async () => {
  assert.deepEqual(await run({ run: ["env", "A=1"], command: ["printf", "%s|%s", "$A `id`", ";"] }), { output: "$A `id`|;", problem: null });
  assert.deepEqual(await run({ run: [], command: ["cat"], input: "to you" }), { output: "to you", problem: null });
});

test("a command that fails is told of in its own words, on one line", async () => {
  const script = "echo half; printf 'Error: no such thing\\nlist it\\n     ^^\\nError: and more\\n' >&2; exit 3";
  assert.deepEqual(await run({ run: [], command: ["sh", "-c", script] }), { output: "", problem: "sh failed: Error: no such thing; list it." });
  assert.deepEqual(await run({ run: [], command: ["sh", "-c", "exit 3"] }), { output: "", problem: "sh failed: status 3." });
});

test("a tool that is missing is named with the package that has it, and where", async () => {
  const problems = [
    [["env", "PATH=/nonexistent"], "nft is not installed where `env PATH=/nonexistent` leads: install the package nftables."],
    [["/nonexistent/ssh", "root@east"], "/nonexistent/ssh is not installed here: install it."],
  ] as const;
  for (const [prefix, problem] of problems) assert.equal((await run({ run: prefix, command: ["nft", "-f", "-"] })).problem, problem);
});

test("a command that does not end is ended, and so is one that does not stop talking", async () => {
  assert.equal((await run({ run: [], command: ["sleep", "600"], timeoutMs: 50 })).problem, "sleep did not end within 0.05 s.");
  // What it has started keeps its pipes open.
  assert.equal((await run({ run: [], command: ["sh", "-c", "sleep 20 & wait"], timeoutMs: 50 })).problem, "sh did not end within 0.05 s.");
  assert.match((await run({ run: [], command: ["yes"] })).problem!, /^yes wrote more than/);
});

test("a command that does not read its input may end all the same", async () => {
  assert.equal((await run({ run: [], command: ["true"], input: "x".repeat(1 << 20) })).problem, null);
});

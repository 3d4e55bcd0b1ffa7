/**
 * `npm run permute [-- --seed <number>] [--quick] [--keep]`: shows that the ABI has one source. In a copy of the tree it gives the
 * firmware's structs another field order, its codes other values and the boards other table sizes, builds the images,
 * and runs the specs and the TypeScript tests there, with `host/` as it is. `--quick` (what `npm test` does): of these, those
 * of whatever of `host/` meets an image.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../host/emulator/random.ts";
import { readArguments } from "../../host/arguments.ts";
import { run } from "../run/command.ts";
import { permuteBoard, type Sizes } from "./boards.ts";
import { permuteCodes } from "./codes.ts";
import { permuteStructs } from "./structs.ts";
import { copyTree } from "./tree.ts";

/** Where the ABI is written. */
const SOURCES = ["abi.ts", "commands.ts", "messages.ts", "records.ts", "redirect.ts"];
/** Tests of the build and of the boards as they are shipped, and this one; those in which no number of an image is; the lab, of
 *  which a machine runs one at a time; and long runs, which would find no more here than short ones. */
const WITHOUT = [
  ...["build/", "permute", "transport/", "sockets/", "switches/", "api/", "keys/", "lab/"],
  ...["simulate/", "model-check", "emulator/udp-", "emulator/overlapping", "shim/fuzz"],
];
/** Of each part of `host/` that reads or writes what an image does, its own tests, and of what is built on it one or two. */
const QUICK = [
  ...["conformance/", "engine/", "management/", "replay/", "shim/bundle", "shim/channel", "shim/client", "shim/integration"],
  ...["cli/inspect", "cli/replay", "emulator/endpoints", "emulator/host-node", "emulator/protocols", "emulator/query", "emulator/tunnel", "emulator/quic"],
  ...["process/blade-program", "process/program", "supervisor/cookies", "supervisor/flow-mirror", "supervisor/handover", "supervisor/shim-restart"],
];
/** With SIMD and without. */
const SPEC_BOARDS = ["emulated", "tiny"];

const { values } = readArguments(
  {
    options: {
      seed: { type: "string", default: "1" },
      quick: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  },
  "npm run permute -- [--seed <number>] [--quick] [--keep]",
);
const out = process.stdout;

const tree = copyTree();
try {
  out.write(`seed ${values.seed}, in ${tree}\n`);
  permuteSources(join(tree, "assembly"));
  permuteBoards(join(tree, "boards"));
  process.exitCode = (await build()) && (await testSpecs()) && (await testHost()) ? 0 : 1;
} finally {
  if (!values.keep) rmSync(tree, { recursive: true });
}

function permuteSources(folder: string): void {
  for (const name of SOURCES) {
    const file = join(folder, name);
    const structs = permuteStructs(readFileSync(file, "utf8"), new Random(`${values.seed}/structs/${name}`));
    const codes = permuteCodes(structs.source, new Random(`${values.seed}/codes/${name}`));
    writeFileSync(file, codes.source);
    tell(`assembly/${name}`, [...structs.changes, ...codes.changes]);
  }
}

function permuteBoards(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".json") || name.endsWith(".schema.json")) continue;
    const file = join(folder, name);
    const profile = JSON.parse(readFileSync(file, "utf8")) as Sizes;
    tell(`boards/${name}`, permuteBoard(profile, new Random(`${values.seed}/boards/${name}`)));
    writeFileSync(file, JSON.stringify(profile));
  }
}

/** A permutation that changes nothing would pass and show nothing. */
function tell(file: string, changes: readonly string[]): void {
  if (changes.length === 0) throw new Error(`${file}: nothing to permute; has its form changed?`);
  out.write(`${file}\n${changes.map((change) => `  ${change}\n`).join("")}`);
}

async function build(): Promise<boolean> {
  const { status } = await run(process.execPath, ["build/host/build/main.js", "images"], tree, out);
  return status === 0;
}

async function testSpecs(): Promise<boolean> {
  return test("--only", "specs", ...SPEC_BOARDS.flatMap((board) => ["--board", board]));
}

async function testHost(): Promise<boolean> {
  return test("--only", "node", ...(values.quick ? QUICK : []), ...WITHOUT.flatMap((part) => ["--without", part]));
}

async function test(...args: readonly string[]): Promise<boolean> {
  const { status } = await run(process.execPath, ["build/tests/run/main.js", ...args], tree, out);
  return status === 0;
}

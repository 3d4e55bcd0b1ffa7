/**
 * `npm run mutants [-- <part of a spec's name>...]`: breaks the firmware in one place after another (`mutants.ts`), and says which
 * spec noticed. Exit status 1 if one was not noticed, or its place is no longer in the source.
 */
import { Writable } from "node:stream";
import { loadBoard } from "../../host/boards/board-file.ts";
import { readArguments, refuseArguments } from "../../host/arguments.ts";
import { runSpec } from "../run/specs.ts";
import { MUTANTS, mutated, type Mutant } from "./mutants.ts";

const { positionals: parts } = readArguments({ allowPositionals: true }, "npm run mutants -- [<part of a spec's name>]...");
const wanted = MUTANTS.filter(({ spec }) => parts.length === 0 || parts.some((part) => spec.includes(part)));
if (wanted.length === 0) refuseArguments(`no mutant is of a spec with ${parts.join(" or ")} in its name`, "See tests/mutants/mutants.ts.");

const board = loadBoard("emulated");
const silence = new Writable({ write: (_chunk, _encoding, done) => done() });

/** Why the mutant is no good, or undefined when its spec has failed as it should. */
async function faultOf(mutant: Mutant): Promise<string | undefined> {
  const { file, spec } = mutant;
  const source = mutated(mutant);
  if (source === null) return `its place in ${file} is not there once: mend tests/mutants/mutants.ts`;
  const { passed, failed } = await runSpec(`assembly/spec/${spec}.spec.ts`, board, silence, new Map([[file, source]]));
  if (passed + failed <= 1) return "it does not compile";
  return failed > 0 ? undefined : `no expectation of ${spec}.spec.ts has failed`;
}

let survivors = 0;
for (const mutant of wanted) {
  const fault = await faultOf(mutant);
  if (fault) survivors++;
  process.stdout.write(`${fault ? "SURVIVED" : "noticed "}  ${mutant.spec.padEnd(7)} ${mutant.name}${fault ? `: ${fault}` : ""}\n`);
}
process.stdout.write(`\n${wanted.length - survivors} of ${wanted.length} mutants noticed\n`);
process.exitCode = survivors > 0 ? 1 : 0;

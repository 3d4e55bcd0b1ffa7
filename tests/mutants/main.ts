/**
 * `npm run mutants`: breaks the firmware in one place after another (`mutants.ts`), and says which spec noticed. Exit
 * status 1 if one was not noticed, or its place is no longer in the source.
 */
import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { loadBoard } from "../../host/boards/board-file.ts";
import { packagePath } from "../../host/paths.ts";
import { runSpec } from "../run/specs.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";

const board = loadBoard("emulated");
const silence = new Writable({ write: (_chunk, _encoding, done) => done() });

/** Why the mutant is no good, or undefined when its spec has failed as it should. */
async function faultOf({ file, from, to, spec }: Mutant): Promise<string | undefined> {
  const source = readFileSync(packagePath(file), "utf8");
  if (source.split(from).length !== 2) return `its place in ${file} is not there once: mend tests/mutants/mutants.ts`;
  const overlay = new Map([[file, source.replace(from, () => to)]]);
  const { passed, failed } = await runSpec(`assembly/spec/${spec}.spec.ts`, board, silence, overlay);
  if (passed + failed <= 1) return "it does not compile";
  return failed > 0 ? undefined : `no expectation of ${spec}.spec.ts has failed`;
}

let survivors = 0;
for (const mutant of MUTANTS) {
  const fault = await faultOf(mutant);
  if (fault) survivors++;
  process.stdout.write(`${fault ? "SURVIVED" : "noticed "}  ${mutant.spec.padEnd(7)} ${mutant.name}${fault ? `: ${fault}` : ""}\n`);
}
process.stdout.write(`\n${MUTANTS.length - survivors} of ${MUTANTS.length} mutants noticed\n`);
process.exitCode = survivors > 0 ? 1 : 0;

/**
 * `npm run mutants [-- <part of a spec's name>...]`: breaks the firmware in one place after another (`mutants.ts`), and says which
 * spec noticed. Exit status 1 if one was not noticed, or its place is no longer in the source.
 *
 * `npm run mutants -- --simulate [<part of a mutant's name>...]`: looks among the fixed seeds for one that shows each mutant of the
 * simulation (`../simulate/mutants.ts`). Exit status 1 if the table is not true any more.
 */
import { Writable } from "node:stream";
import { loadBoard } from "../../host/boards/board-file.ts";
import { readArguments, refuseArguments } from "../../host/arguments.ts";
import { violationText } from "../../host/simulate/failure.ts";
import { runSpec } from "../run/specs.ts";
import { findSeeds } from "../simulate/find-mutants.ts";
import { SIMULATED_MUTANTS } from "../simulate/mutants.ts";
import { MUTANTS, mutated, type Mutant } from "./mutants.ts";

const { values, positionals: parts } = readArguments(
  { options: { simulate: { type: "boolean", default: false } }, allowPositionals: true },
  "npm run mutants -- [<part of a spec's name>]... | --simulate [<part of a mutant's name>]...",
);
const isWanted = (name: string): boolean => parts.length === 0 || parts.some((part) => name.includes(part));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

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

/** Returns whether all were noticed. */
async function runSpecs(): Promise<boolean> {
  const wanted = MUTANTS.filter(({ spec }) => isWanted(spec));
  if (wanted.length === 0) refuseArguments(`no mutant is of a spec with ${parts.join(" or ")} in its name`, "See tests/mutants/mutants.ts.");
  let survivors = 0;
  for (const mutant of wanted) {
    const fault = await faultOf(mutant);
    if (fault) survivors++;
    say(`${fault ? "SURVIVED" : "noticed "}  ${mutant.spec.padEnd(7)} ${mutant.name}${fault ? `: ${fault}` : ""}`);
  }
  say(`\n${wanted.length - survivors} of ${wanted.length} mutants noticed`);
  return survivors === 0;
}

/** Returns whether the table is true. */
async function runSeeds(): Promise<boolean> {
  // Those that no seed shows take all the seeds: they are looked for by name.
  const wanted = SIMULATED_MUTANTS.filter(({ name, seed }) => isWanted(name) && (seed !== null || parts.length > 0));
  if (wanted.length === 0) refuseArguments(`no mutant has ${parts.join(" or ")} in its name`, "See tests/simulate/mutants.ts.");
  let changed = 0;
  await findSeeds(wanted, ({ name, seed }, found) => {
    if ((found?.seed ?? null) !== seed) changed++;
    const seedText = found === null ? "no seed" : `seed ${found.seed}`;
    const before = (found?.seed ?? null) === seed ? "" : ` (the table has ${seed === null ? "none" : seed})`;
    say(`${seedText.padEnd(8)}  ${name}${before}${found === null ? "" : `: ${violationText(found.violation)}`}`);
  });
  say(`\n${wanted.length - changed} of ${wanted.length} as in tests/simulate/mutants.ts`);
  return changed === 0;
}

process.exitCode = (await (values.simulate ? runSeeds() : runSpecs())) ? 0 : 1;

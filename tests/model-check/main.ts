/**
 * `npm run model [-- <configuration>... | mutants] [--traces]`: explores all configurations of the model (about half an hour), then the mutants. Exit status 1
 * if a configuration has a violation, or a mutant none.
 */
import { readArguments, refuseArguments } from "../../host/arguments.ts";
import { check, checkMutants, type Checked } from "./check.ts";
import { CONFIGURATIONS } from "./configuration.ts";
import { compileModelImage } from "./image.ts";

const MUTANTS = "mutants";
const { values, positionals } = readArguments(
  { options: { traces: { type: "boolean", default: false } }, allowPositionals: true },
  `npm run model -- [<configuration>... | ${MUTANTS}] [--traces]`,
);
const names = [...CONFIGURATIONS.map(({ name }) => name), MUTANTS];
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) refuseArguments(`there is no configuration "${unknown}"`, `Use some of ${names.map((name) => `"${name}"`).join(", ")}.`);
const isWanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const trace = ({ violation }: Checked): void => violation?.trace.forEach((line, index) => say(`    ${String(index + 1).padStart(2)}  ${line}`));

let failures = 0;
const image = await compileModelImage();
for (const configuration of CONFIGURATIONS) {
  if (!isWanted(configuration.name)) continue;
  const started = Date.now();
  const checked = check(image, configuration);
  const { states, transitions, depth, reactions, violation, isExhaustive } = checked;
  const seconds = Math.round((Date.now() - started) / 1000);
  const counts = `${states.toLocaleString("en")} states, ${transitions.toLocaleString("en")} transitions, depth ${depth}, ${reactions.toLocaleString("en")} reactions of the image`;
  const outcome = violation !== null ? `VIOLATION: ${violation.what}` : isExhaustive ? "all explored, no violation" : "TOO LARGE: not all explored";
  say(`${configuration.name}: ${outcome}\n    ${counts}, ${seconds} s`);
  trace(checked);
  if (!isExhaustive) failures++;
}
if (isWanted(MUTANTS)) {
  for await (const { mutant, fault, checked } of checkMutants(image)) {
    const violation = checked?.violation ?? null;
    if (violation === null) failures++;
    const outcome = violation === null ? `SURVIVED  ${mutant.name}${fault === null ? "" : `: ${fault}`}` : `caught    ${mutant.name}: ${violation.trace.length} steps, ${violation.what}`;
    say(outcome);
    if (values.traces && checked !== null) trace(checked);
  }
}
process.exitCode = failures > 0 ? 1 : 0;

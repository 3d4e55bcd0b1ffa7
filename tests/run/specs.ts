/**
 * Runs the firmware's as-pect specs (`assembly/spec/*.spec.ts`), each compiled for a board, so that both ways through
 * code that depends on the board (SIMD or not, small or large tables) are run.
 */
import { readdirSync } from "node:fs";
import { SummaryReporter, TestContext } from "@as-pect/core";
import { instantiateSync } from "@assemblyscript/loader";
import type { Board } from "../../host/boards/board.ts";
import { compileFirmware } from "../../host/build/firmware.ts";
import { packagePath } from "../../host/paths.ts";
import { add, NOTHING, type Tally } from "./tally.ts";

const FOLDER = "assembly/spec";
const SUFFIX = ".spec.ts";
const CONFIG = "as-pect.asconfig.json";

/** `wanted`: parts of names of spec files; none: all. Says on `out` what fails, and a line a file. */
export async function runSpecs(board: Board, wanted: readonly string[], out: NodeJS.WritableStream): Promise<Tally> {
  let tally = NOTHING;
  for (const file of readdirSync(packagePath(FOLDER)).sort()) {
    if (!file.endsWith(SUFFIX) || (wanted.length > 0 && !wanted.some((part) => file.includes(part)))) continue;
    tally = add(tally, await runSpec(`${FOLDER}/${file}`, board, out));
  }
  return tally;
}

/** `file`: a path from the root of the package. `overlay`: as for `compileFirmware`. */
export async function runSpec(
  file: string,
  board: Board,
  out: NodeJS.WritableStream,
  overlay?: ReadonlyMap<string, string>,
): Promise<Tally> {
  const { wasm, said } = await compileFirmware(file, board, CONFIG, [], overlay);
  if (!wasm) {
    out.write(`${file} does not compile for board ${board.name}:\n${said}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const reporter = new SummaryReporter();
  reporter.stdout = reporter.stderr = out as NodeJS.WriteStream;
  const context = new TestContext({ fileName: `${file} (${board.name})`, binary: wasm, reporter });
  context.run(instantiateSync(wasm, context.createImports({})) as never);
  const passed = context.testPassCount;
  // A spec that stops before its first test, or has none, has failed.
  const failed = Math.max(context.testCount - passed, context.pass && context.testCount > 0 ? 0 : 1);
  if (context.testCount === 0) out.write(`${file} ran no test\n`);
  return { passed, failed, skipped: context.todoCount };
}

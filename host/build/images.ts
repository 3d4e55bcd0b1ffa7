/** Builds the firmware images of boards: compile, gate, and only then put in place. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Board } from "../boards/board.ts";
import { type ImageKind, imagePath } from "../boards/image-file.ts";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { compileFirmware } from "./firmware.ts";
import { type GateReport, gateReport } from "./gate.ts";

export interface BuiltImage {
  readonly board: string;
  readonly kind: ImageKind;
  readonly gate: GateReport;
  /** It was up to date already. */
  readonly kept: boolean;
}

/** What stands beside an image, in `<kind>.json`. */
interface ImageRecord {
  /** Digest of all that the image was made from. */
  readonly inputs: string;
  readonly gate: GateReport;
}

const PAGE_KIB = 64;
const CONFIG = "asconfig.json";

/** Throws E_BUILD_COMPILE, E_BOARD_BUDGET or E_BUILD_GATE; then there is no image. */
export async function buildImage(board: Board, kind: ImageKind): Promise<BuiltImage> {
  const path = imagePath(board.name, kind);
  const recordPath = path.replace(/wasm$/, "json");
  const inputs = inputsDigest(board);
  const record = readRecord(recordPath);
  if (record?.inputs === inputs && existsSync(path)) return { board: board.name, kind, gate: record.gate, kept: true };

  rmSync(path, { force: true });
  const wasm = await compile(board, kind);
  const gate = gateReport(wasm, board.wasm.features);
  if (gate.problems.length > 0) throw gateError(board, kind, gate);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, wasm);
  writeFileSync(recordPath, `${JSON.stringify({ inputs, gate } satisfies ImageRecord, null, 2)}\n`);
  return { board: board.name, kind, gate, kept: false };
}

async function compile(board: Board, kind: ImageKind): Promise<Uint8Array> {
  const pages = String(board.wasm.memoryKiB / PAGE_KIB);
  const memory = ["--initialMemory", pages, "--maximumMemory", pages];
  const { wasm, said } = await compileFirmware(`assembly/${kind}.ts`, board, CONFIG, memory);
  if (wasm) return wasm;
  const needed = /at least '(\d+)' pages of (?:initial|maximum) memory/.exec(said)?.[1];
  if (needed !== undefined) throw budgetError(board, kind, Number(needed) * PAGE_KIB);
  const mend = "Correct the firmware, or the board's table sizes where it says so.";
  throw new DobbsError("E_BUILD_COMPILE", `${kind} image for board "${board.name}" does not compile:\n${said}`, mend, 1);
}

function budgetError(board: Board, kind: ImageKind, neededKiB: number): DobbsError {
  const message = `board "${board.name}": the ${kind} image's tables need ${neededKiB} KiB, and wasm.memoryKiB is ${board.wasm.memoryKiB}`;
  const mend = `In boards/${board.name}.json make tables or frames smaller, or wasm.memoryKiB at least ${neededKiB}.`;
  return new DobbsError("E_BOARD_BUDGET", message, mend, 1);
}

function gateError(board: Board, kind: ImageKind, { problems }: GateReport): DobbsError {
  const list = problems.map(({ rule, detail }) => `  ${rule}: ${detail}`).join("\n");
  const message = `the ${kind} image for board "${board.name}" does not pass the gate:\n${list}`;
  return new DobbsError("E_BUILD_GATE", message, "Change the firmware so that the image has none of these.", 1);
}

/** Of the board, the firmware, the compiler and its options, and of this build itself. */
function inputsDigest(board: Board): string {
  const hash = createHash("sha256");
  const add = (name: string, content: string | Uint8Array) => hash.update(`${name}\0${content.length}\0`).update(content);
  add("board", JSON.stringify(board));
  for (const name of [CONFIG, "node_modules/assemblyscript/package.json"]) add(name, readFileSync(packagePath(name)));
  for (const folder of [packagePath("assembly"), dirname(fileURLToPath(import.meta.url))]) {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      if (isInput(name)) add(name, readFileSync(join(folder, name)));
    }
  }
  return hash.digest("hex");
}

/** Specs do not go into an image, and `board.ts` is made from the board. */
function isInput(name: string): boolean {
  return /\.(ts|js)$/.test(name) && !name.startsWith("spec") && name !== "board.ts";
}

function readRecord(path: string): ImageRecord | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ImageRecord) : undefined;
}

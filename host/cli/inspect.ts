/** `dobbs inspect`: what an image says of itself, and what the gate says of it. */
import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { DEFAULT_BOARD, WASM_FEATURES } from "../boards/board.ts";
import { loadBoard } from "../boards/board-file.ts";
import { IMAGE_KINDS, type ImageKind, imagePath, readImage } from "../boards/image-file.ts";
import type { GateReport } from "../build/gate.ts";
import { Firmware } from "../engine/firmware.ts";
import { openEngine } from "../engine/open.ts";
import { DobbsError } from "../errors.ts";
import { type Descriptor, describeImage } from "./descriptor.ts";
import { jsonOption, type JsonOption } from "./options.ts";
import { print, printJson, table } from "./output.ts";

const HELP = `
An image describes itself: its tables (regions) with address, stride and count, the layout of every
record, the numbers of all codes. Hosts read all of it from the loaded image. The gate says what an
image must not have: imports, a start function, memory that grows, tables, indirect calls, recursion,
or Wasm features that its board lacks.

Examples:
  dobbs inspect --image blade                      the image that was built for the board ${DEFAULT_BOARD}
  dobbs inspect --image switch --board tiny
  dobbs inspect path/to/blade.wasm --board tiny    an image in a file, held against a board
  dobbs inspect --image blade --json               with every struct and code

Exit codes: 0 the image passes the gate; 1 it does not; 2 there is no such image, or the file is no image of ours.`;

interface InspectOptions extends JsonOption {
  readonly image?: ImageKind;
  readonly board?: string;
}

interface Inspection {
  readonly path: string;
  readonly board: string | null;
  readonly descriptor: Descriptor;
  readonly gate: GateReport;
}

export function inspectCommand(): Command {
  return new Command("inspect")
    .summary("show what is in a firmware image, and the gate's report on it")
    .description("Shows what a firmware image says of itself, and the gate's report on it.")
    .argument("[file]", "an image (.wasm); instead of --image")
    .addOption(new Option("--image <kind>", "an image that `npm run build` made").choices(IMAGE_KINDS))
    .option("--board <name>", `the board that it is for (with --image: ${DEFAULT_BOARD} if left out)`)
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(inspectAction);
}

async function inspectAction(file: string | undefined, options: InspectOptions): Promise<void> {
  const inspection = await inspect(file, options);
  if (options.json) {
    const { path, board, descriptor, gate } = inspection;
    printJson({ file: path, board, ...descriptor, gate });
  } else {
    print(textOf(inspection));
  }
  if (inspection.gate.problems.length > 0) process.exitCode = 1;
}

/** Throws E_USAGE, E_IMAGE_* and E_BOARD_*. */
async function inspect(file: string | undefined, { image, board }: InspectOptions): Promise<Inspection> {
  if ((file === undefined) === (image === undefined)) {
    throw new DobbsError("E_USAGE", "name one image: a file, or --image", `Run for example: dobbs inspect --image ${IMAGE_KINDS[0]}`);
  }
  const boardName = board ?? (image === undefined ? null : DEFAULT_BOARD);
  // Of a file without a board nothing is known but that some board may have every feature.
  const features = boardName === null ? WASM_FEATURES : loadBoard(boardName).wasm.features;
  const bytes = image === undefined ? readFile(file!) : readImage(boardName!, image);
  // The gate brings binaryen with it, which no other command should have to wait for.
  const { gateReport } = await import("../build/gate.ts");
  const gate = gateReport(bytes, features);
  // V8 is in every Node; the descriptor is the same on any engine.
  const descriptor = describeImage(Firmware.load(openEngine("v8"), bytes));
  return { path: image === undefined ? file! : imagePath(boardName!, image), board: boardName, descriptor, gate };
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new DobbsError("E_IMAGE_READ", `cannot read the image ${path}: ${(error as Error).message}`, "Check the path.");
  }
}

function textOf({ path, board, descriptor, gate }: Inspection): string {
  const { kind, abi, structs, codes, regions } = descriptor;
  const rows = regions.map(({ name, address, stride, count, bytes }) => [name, hex(address), stride, count, kib(bytes)]);
  const used = regions.reduce((sum, { bytes }) => sum + bytes, 0);
  const records = structs.map(({ name, size, fields }) => [name, size, fields.map((field) => field.name).join(" ")]);
  return [
    `${path}\n${kind} image, ABI ${abi}${board === null ? "" : `, board ${board}`}`,
    `Regions\n${table([["name", "address", "stride", "count", "KiB"], ...rows, ["all", "", "", "", kib(used)]])}`,
    `Records\n${table([["name", "bytes", "fields"], ...records])}`,
    `Codes\n${table([["name", "codes"], ...codes.map(({ name, members }) => [name, Object.keys(members).join(" ")])])}`,
    `Gate\n${gateText(gate)}`,
  ].join("\n\n");
}

function gateText({ bytes, memoryKiB, maxCallDepth, functions, exports, features, problems }: GateReport): string {
  const facts = table([
    ["image", `${bytes.toLocaleString("en-US")} bytes`],
    ["memory", `${memoryKiB.toLocaleString("en-US")} KiB, fixed`],
    ["deepest call", maxCallDepth === null ? "without end" : `${maxCallDepth} functions`],
    ["functions", `${functions}, ${exports} exports`],
    ["Wasm features", features.join(" ") || "none"],
  ]);
  if (problems.length === 0) return `${facts}\npassed`;
  return `${facts}\nNOT PASSED\n${problems.map(({ rule, detail }) => `  ${rule}: ${detail}`).join("\n")}`;
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

function kib(bytes: number): string {
  return (bytes / 1024).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

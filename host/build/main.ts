/**
 * `node build/host/build/main.js [--quiet] [images|native]...`: builds the images of all boards (with the gate), their
 * bundles and the native binding, or what is named. Says what it does on stderr, with --quiet only what was not up to
 * date; stdout stays empty. A wrong argument ends it with status 2.
 */
import { readArguments, refuseArguments } from "../arguments.ts";
import { DEFAULT_BOARD } from "../boards/board.ts";
import { boardNames, loadBoard } from "../boards/board-file.ts";
import { IMAGE_KINDS } from "../boards/image-file.ts";
import { writeBundle } from "../bundle/bundle-file.ts";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { writeBoardSource } from "./board-source.ts";
import { type BuiltImage, buildImage } from "./images.ts";
import { buildNative, isNativeBuilt } from "./native.ts";

const STEPS = { images: buildImages, native: buildBinding };

const { values, positionals: wanted } = readArguments(
  { options: { quiet: { type: "boolean" } }, allowPositionals: true },
  `npm run build -- [--quiet] [${Object.keys(STEPS).join("|")}]...`,
);

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Says `text` of something that is as it was. */
function mention(text: string): void {
  if (!values.quiet) say(text);
}

async function buildImages(): Promise<void> {
  writeBoardSource(loadBoard(DEFAULT_BOARD), packagePath("assembly", "board.ts"));
  mention("firmware images (AssemblyScript, then the gate)");
  for (const name of boardNames()) {
    const board = loadBoard(name);
    for (const kind of IMAGE_KINDS) {
      const image = await buildImage(board, kind);
      const bundle = writeBundle(name, kind, image.gate.features);
      (image.kept && bundle.kept ? mention : say)(describe(image));
    }
  }
}

function describe({ board, kind, gate, kept }: BuiltImage): string {
  const size = `${gate.bytes.toLocaleString("en")} bytes`.padStart(14);
  const memory = `${gate.memoryKiB.toLocaleString("en")} KiB memory`.padStart(19);
  const needs = gate.features.length > 0 ? `needs ${gate.features.join(", ")}` : "needs no Wasm feature";
  const state = kept ? "up to date" : "built, passes the gate";
  return `  ${board.padEnd(13)} ${kind.padEnd(7)}${size}${memory}, call depth ${gate.maxCallDepth}, ${needs}: ${state}`;
}

async function buildBinding(): Promise<void> {
  if (isNativeBuilt()) mention("native binding (cargo)");
  else say("native binding (cargo); the first time this takes some minutes");
  buildNative(Boolean(values.quiet) && isNativeBuilt());
}

const unknown = wanted.find((name) => !Object.hasOwn(STEPS, name));
if (unknown !== undefined) refuseArguments(`there is no build step "${unknown}"`, `Use ${Object.keys(STEPS).join(" or ")}, or none of them for all.`);

try {
  for (const [name, step] of Object.entries(STEPS)) {
    if (wanted.length === 0 || wanted.includes(name)) await step();
  }
} catch (error) {
  if (!(error instanceof DobbsError)) throw error;
  say(`${error.code}: ${error.message}\n${error.mend}`);
  process.exitCode = error.exitStatus;
}

/** `dobbs build`: firmware bundles, from the sources of the firmware and a board's profile. */
import { Command, Option } from "commander";
import { resolve } from "node:path";
import { boardNames, loadBoard } from "../boards/board-file.ts";
import { IMAGE_KINDS } from "../boards/image-file.ts";
import { BUNDLES_FOLDER, writeBundle, type WrittenBundle } from "../bundle/bundle-file.ts";
import { jsonOption, type JsonOption } from "./options.ts";
import { print, printJson, table } from "./output.ts";

const HELP = `
A bundle is an image with its manifest (kind, board, release, ABI, memory) and a digest over both: what a
shim starts with (dobbs-shim --firmware) and what \`dobbs flash\` sends to one that runs. An image that
does not pass the gate makes no bundle. The same sources make the same bytes.

Examples:
  dobbs build                              blade and switch, for every board
  dobbs build --board linux-x86_64
  dobbs build --board tiny --out /srv/firmware --json

Exit codes: 0 built, or up to date; 1 the firmware does not compile or pass the gate (E_BUILD_*, E_BOARD_BUDGET);
2 there is no such board, or the folder cannot be written.`;

interface BuildOptions extends JsonOption {
  readonly board: readonly string[];
  readonly out?: string;
}

export function buildCommand(): Command {
  const board = new Option("--board <name>", "a board; may be given several times");
  return new Command("build")
    .summary("build firmware bundles for boards")
    .description("Compiles the firmware for boards, and writes it as bundles: <out>/<board>/blade.bundle and switch.bundle.")
    .addOption(board.argParser((name, names: string[]) => [...names, name]).default([], "all"))
    .option("--out <folder>", "where to write the bundles (default: build/bundles)")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(build);
}

async function build({ board, out, json }: BuildOptions): Promise<void> {
  const folder = out === undefined ? BUNDLES_FOLDER : resolve(out);
  const boards = (board.length > 0 ? board : boardNames()).map((name) => loadBoard(name));
  // The compiler and binaryen: no other command should have to wait for them.
  const { buildImage } = await import("../build/images.ts");
  const written: WrittenBundle[] = [];
  for (const one of boards) {
    for (const kind of IMAGE_KINDS) {
      const { gate } = await buildImage(one, kind);
      written.push(writeBundle(one.name, kind, gate.features, folder));
    }
  }
  if (json) printJson({ bundles: written.map(describe) });
  else print(textOf(written));
}

function describe({ path, bundle: { manifest, digest }, bytes, kept }: WrittenBundle) {
  const { kind, board, version, abi, features, memoryBytes } = manifest;
  return { path, kind, board, version, abi, features, memoryBytes, bytes, digest, kept };
}

function textOf(written: readonly WrittenBundle[]): string {
  const rows = written.map(({ path, bundle: { manifest, digest }, bytes, kept }) => {
    return [manifest.board, manifest.kind, bytes, digest.slice(0, 12), kept ? "up to date" : "written", path];
  });
  return table([["board", "kind", "bytes", "digest", "", "file"], ...rows]);
}

/** Runs the AssemblyScript compiler on the firmware for one board. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Board, WASM_FEATURES } from "../boards/board.ts";
import { packagePath } from "../paths.ts";
import { boardSource } from "./board-source.ts";

/** What is used of asc. Its own declarations are kept out: they declare AssemblyScript's globals (`console`, `i32`)
 *  for the whole program. */
interface Asc {
  main(args: readonly string[], system: AscSystem): Promise<{ error: Error | null }>;
}
interface AscSystem {
  stdout: AscStream;
  stderr: AscStream;
  readFile(name: string, folder: string): string | null;
  writeFile(name: string, contents: string | Uint8Array, folder: string): void;
  listFiles(name: string, folder: string): string[] | null;
}
interface AscStream {
  write(chunk: string | Uint8Array): void;
}

const ASC: string = "assemblyscript/asc";
const asc = (await import(ASC)) as Asc;

export interface Compiled {
  /** Undefined when the compiler refused the source. */
  readonly wasm: Uint8Array | undefined;
  /** What the compiler said, for people. */
  readonly said: string;
}

const BOARD_SOURCE = join("assembly", "board.ts");

/** Compiles `entry` (a path from the package's root) with the options of `config`, a file there, and with the board's
 *  table sizes and Wasm features. `options` are further ones of asc's command line; `overlay` has sources that stand in
 *  for those on disk, by path from the package's root. */
export async function compileFirmware(
  entry: string,
  board: Board,
  config: string,
  options: readonly string[] = [],
  overlay: ReadonlyMap<string, string> = new Map(),
): Promise<Compiled> {
  const files = new Map<string, Uint8Array>();
  const said: string[] = [];
  const stream: AscStream = { write: (chunk) => void said.push(Buffer.from(chunk as string).toString()) };
  const out = "image.wasm";
  const root = packagePath();
  const { error } = await asc.main([entry, "--config", config, "--outFile", out, ...featureOptions(board), ...options], {
    stdout: stream,
    stderr: stream,
    readFile: (name, folder) => {
      if (name === BOARD_SOURCE) return boardSource(board);
      return overlay.get(name) ?? readText(join(root, folder, name));
    },
    writeFile: (name, contents) => void files.set(name, Buffer.from(contents as string)),
    listFiles: (name, folder) => listSources(join(root, folder, name)),
  });
  return { wasm: error ? undefined : files.get(out), said: said.join("").trim() };
}

function featureOptions({ wasm }: Board): string[] {
  return WASM_FEATURES.flatMap((name) => [wasm.features.includes(name) ? "--enable" : "--disable", name]);
}

function readText(file: string): string | null {
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

function listSources(folder: string): string[] | null {
  return existsSync(folder) ? readdirSync(folder).filter((name) => /(?<!\.d)\.ts$/.test(name)) : null;
}

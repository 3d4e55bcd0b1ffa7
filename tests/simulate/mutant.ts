/** Images of a firmware that is broken in one place. */
import { readFileSync } from "node:fs";
import { loadBoard } from "../../host/boards/board-file.ts";
import { compileFirmware } from "../../host/build/firmware.ts";
import { packagePath } from "../../host/paths.ts";
import { CRAMPED_BOARD, type Images } from "../../host/simulate/images.ts";
import { BOARD, IMAGES } from "./images.ts";

const PAGE_KIB = 64;

/** Blades' images in which `to` stands for `from`, which is in `file` once; the switch's is as it was. */
export async function mutantImages(file: string, from: string, to: string): Promise<Images> {
  const source = readFileSync(packagePath(file), "utf8");
  if (source.split(from).length !== 2) throw new Error(`its place in ${file} is not there once`);
  const overlay = new Map([[file, source.replace(from, () => to)]]);
  const compile = (board: string): Promise<Uint8Array> => compileBlade(board, overlay);
  return { ...IMAGES, blade: await compile(BOARD), cramped: await compile(CRAMPED_BOARD) };
}

async function compileBlade(name: string, overlay: ReadonlyMap<string, string>): Promise<Uint8Array> {
  const board = loadBoard(name);
  const pages = String(board.wasm.memoryKiB / PAGE_KIB);
  const memory = ["--initialMemory", pages, "--maximumMemory", pages];
  const { wasm, said } = await compileFirmware("assembly/blade.ts", board, "asconfig.json", memory, overlay);
  if (!wasm) throw new Error(`it does not compile: ${said}`);
  return wasm;
}

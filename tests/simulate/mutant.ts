/** A firmware and a host that are broken on purpose: images of the one, and processes that load the other. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadBoard } from "../../host/boards/board-file.ts";
import { compileFirmware } from "../../host/build/firmware.ts";
import { packagePath } from "../../host/paths.ts";
import { generatePlan } from "../../host/simulate/generate.ts";
import { CRAMPED_BOARD, type Images } from "../../host/simulate/images.ts";
import type { Plan } from "../../host/simulate/plan.ts";
import { runSeeds, type SeedRange, type SeedsOptions } from "../../host/simulate/run-seeds.ts";
import type { Violation } from "../../host/simulate/safety.ts";
import { BOARD, IMAGES } from "./images.ts";
import { type Edit, type SimulatedMutant, WRONG_HOST } from "./mutants.ts";

const PAGE_KIB = 64;
const FIRMWARE = "assembly/";
const LOADER = new URL("./mutant-loader.js", import.meta.url);

export const FIXED_SEEDS: SeedRange = { first: 1, last: 200 };

/** A seed that shows a mutant, and how. */
export interface Found {
  readonly seed: number;
  readonly violation: Violation;
}

/** Where the text that runs is: of the host's TypeScript, what it was compiled to. */
function runningFile(file: string): string {
  return file.startsWith(FIRMWARE) ? packagePath(file) : packagePath("build", file.replace(/\.ts$/, ".js"));
}

/** White space of any kind and length stands for white space. */
function placeOf(from: string): RegExp {
  const words = from.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(words.join("\\s+"), "g");
}

/** `source` with the edit, whose place it has once; else null. */
function edited(source: string, edit: Edit): string | null {
  const place = placeOf(edit.from);
  return source.match(place)?.length === 1 ? source.replace(place, () => edit.to) : null;
}

/** Texts of the files that are edited, by path from the package's root. Throws where the place of an edit is not there once. */
export function editedFiles(edits: readonly Edit[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const path = runningFile(edit.file);
    const before = texts.get(edit.file) ?? (existsSync(path) ? readFileSync(path, "utf8") : "");
    const after = edited(before, edit);
    if (after === null) throw new Error(`this is not once in ${path}: ${edit.from}`);
    texts.set(edit.file, after);
  }
  return texts;
}

/** Blades' images of the edited firmware; the switch's is as it was. `seeds`: for these, of which a single one runs on one board only. */
export async function mutantImages(edits: readonly Edit[], { first, last }: SeedRange = FIXED_SEEDS): Promise<Images> {
  const overlay = new Map([...editedFiles(edits)].filter(([file]) => file.startsWith(FIRMWARE)));
  if (overlay.size === 0) return IMAGES;
  const isCramped = first === last ? generatePlan(first).topology.cramped : null;
  const blade = isCramped === true ? IMAGES.blade : await compileBlade(BOARD, overlay);
  const cramped = isCramped === false ? IMAGES.cramped : await compileBlade(CRAMPED_BOARD, overlay);
  return { ...IMAGES, blade, cramped };
}

async function compileBlade(name: string, overlay: ReadonlyMap<string, string>): Promise<Uint8Array> {
  const board = loadBoard(name);
  const pages = String(board.wasm.memoryKiB / PAGE_KIB);
  const memory = ["--initialMemory", pages, "--maximumMemory", pages];
  const { wasm, said } = await compileFirmware("assembly/blade.ts", board, "asconfig.json", memory, overlay);
  if (!wasm) throw new Error(`it does not compile: ${said}`);
  return wasm;
}

/** Of the seeds, run in one process, the first whose run has a violation that the mutant leads to, and that violation; null: none has. */
export async function findSeed({ edits, kinds = WRONG_HOST }: SimulatedMutant, seeds: SeedRange, wants: (seed: number) => boolean = () => true): Promise<Found | null> {
  const found: Found[] = [];
  const options: SeedsOptions = {
    workers: 1,
    wants: (seed) => found.length === 0 && wants(seed),
    onOutcome: ({ seed, violations: [violation] }) => {
      if (violation && kinds.includes(violation.kind)) found.push({ seed, violation });
    },
  };
  const images = await mutantImages(edits, seeds);
  await runSeeds(seeds, images, { ...options, nodeArguments: nodeArguments(edits) });
  return found.sort((a, b) => a.seed - b.seed)[0] ?? null;
}

/** What the mutant's plan leads to on the edited host, with the images that were built; null: nothing that must not be. */
export function runScripted(edits: readonly Edit[], plan: Plan): Pick<Violation, "kind" | "what"> | null {
  const folder = mkdtempSync(join(tmpdir(), "dobbs-plan-"));
  try {
    const path = join(folder, "plan.json");
    writeFileSync(path, JSON.stringify(plan));
    const args = [...nodeArguments(edits), packagePath("build", "host", "cli", "dobbs.js"), "simulate", "--plan", path, "--board", BOARD, "--json"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0 && status !== 1) throw new Error(stderr);
    return (JSON.parse(stdout) as { violations: Pick<Violation, "kind" | "what">[] }).violations[0] ?? null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of a Node that runs the edited host. */
function nodeArguments(edits: readonly Edit[]): string[] {
  const host = [...editedFiles(edits)].filter(([file]) => !file.startsWith(FIRMWARE));
  if (host.length === 0) return [];
  const loader = new URL(LOADER);
  const modules = Object.fromEntries(host.map(([file, text]) => [runningFile(file), text]));
  loader.search = new URLSearchParams({ modules: JSON.stringify(modules) }).toString();
  return ["--import", loader.href];
}

/** The firmware's side of a board profile: the text of `assembly/board.ts`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Board } from "../boards/board.ts";

export function boardSource(board: Board): string {
  const { tables, frames, ports } = board;
  const sizes: Record<string, number> = {
    FLOWS: tables.flows,
    HANDOVERS: tables.handovers,
    BUCKETS_MAX: tables.buckets,
    OWNERS_MAX: tables.owners,
    LOCAL_OWNERS_MAX: tables.localOwners,
    VIPS_MAX: tables.vips,
    SERVICES_MAX: tables.services,
    FRAGMENTS_MAX: tables.fragments,
    FILTERS_MAX: tables.filters,
    FORWARDS_MAX: tables.forwards,
    STATIONS_MAX: tables.stations,
    FRAME_SLOTS: frames.slots,
    PARKED_MAX: frames.parked,
    SLOT_BYTES: frames.slotBytes,
    BLADE_PORTS_MAX: ports.blade,
    SWITCH_PORTS_MAX: ports.switch,
  };
  const lines = Object.entries(sizes).map(([name, value]) => `export const ${name}: u32 = ${value};\n`);
  return `// generated from boards/${board.name}.json\n${lines.join("")}`;
}

/** Writes the text for `board` to `file`, unless that is what it holds (so that nothing looks changed). */
export function writeBoardSource(board: Board, file: string): void {
  const text = boardSource(board);
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  writeFileSync(file, text);
}

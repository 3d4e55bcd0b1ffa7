/** What servers have received, held against what clients have sent. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PlannedSession, SessionResult } from "./sessions.ts";
import type { Hashes } from "./servers.ts";

/** `folders`: of all blades' uploads, by blade. A transfer that its client calls done, and that no server has as it was sent,
 *  is corrupt. */
export function checkUploads(
  sessions: readonly PlannedSession[],
  results: ReadonlyMap<number, SessionResult>,
  hashes: Hashes,
  folders: ReadonlyMap<string, string>,
): Map<number, SessionResult> {
  const checked = new Map(results);
  for (const { id, kind, file } of sessions) {
    const result = results.get(id);
    if (kind !== "upload" || result?.outcome !== "ok") continue;
    const places = result.blade === null ? [...folders.values()] : [folders.get(result.blade) ?? ""];
    const isThere = places.some((folder) => hashOf(join(folder, String(id))) === hashes[file]);
    if (!isThere) checked.set(id, { ...result, outcome: "corrupt", detail: "the server has not what was sent" });
  }
  return checked;
}

function hashOf(path: string): string | null {
  return existsSync(path) ? createHash("sha256").update(readFileSync(path)).digest("hex") : null;
}

/** Getting ready for a move that is called off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManagementSession } from "../../host/management/session.ts";
import { Preparation } from "../../host/supervisor/preparation.ts";
import type { OwnerSessions } from "../../host/supervisor/sessions.ts";
import { succeed } from "../../host/supervisor/succession.ts";
import { assignmentAfter, member, viewOf } from "./views.ts";

test("what is being pinned when the move is called off is unpinned when the IPD says that it was", () => {
  const commands: { kind: string; buckets: readonly number[]; answer: () => void }[] = [];
  const session = {
    command: (kind: string, _scope: unknown, buckets: readonly number[], onResult: (result: unknown) => void) =>
      commands.push({ kind, buckets, answer: () => onResult({ ok: true, value: null, generation: 1 }) }),
  } as unknown as ManagementSession;
  const members = [member("a"), member("b")];
  const last = assignmentAfter(viewOf(members, 4));
  const next = succeed({ ...viewOf(members, 4), moves: [{ bucket: 0, to: "b" }] }, last, 2);
  const preparation = new Preparation({ session, last, next, generation: 1, report: () => undefined });
  preparation.run([{ name: "a", index: 0, sessions: {} as OwnerSessions }]);
  preparation.undo();
  assert.deepEqual(commands.map(({ kind }) => kind), ["PIN"]);
  commands[0]!.answer();
  assert.deepEqual(commands.map(({ kind, buckets }) => [kind, buckets]), [["PIN", [0]], ["UNPIN", [0]]]);
});

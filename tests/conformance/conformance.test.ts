import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { boardNames } from "../../host/boards/board-file.ts";
import type { EngineName } from "../../host/engine/engine.ts";
import { Layout } from "../../host/engine/layout.ts";
import { openEngine } from "../../host/engine/open.ts";
import { CASES } from "./cases.ts";
import { Node, imageBytes } from "./node.ts";

const ENGINES: readonly EngineName[] = ["wasmtime", "v8"];

for (const board of boardNames()) {
  for (const name of ENGINES) {
    describe(`board ${board} on ${name}`, () => {
      const engine = openEngine(name);
      for (const { name: title, image, run } of CASES) {
        test(title, () => run(new Node(engine, imageBytes(board, image))));
      }
    });
  }

  test(`every struct that an image of board ${board} exports is described without a gap or an overlap`, () => {
    const { instance } = new Node(openEngine("v8"), imageBytes(board, "blade")).firmware;
    const layout = new Layout(instance.constants, instance.memory());
    for (const name of layout.structs()) {
      const struct = layout.struct(name);
      const fields = [...struct.fields.values()].sort((a, b) => a.offset - b.offset);
      let end = 0;
      for (const { offset, width } of fields) {
        assert.equal(offset, end, `${name} at byte ${end}`);
        end += width;
      }
      assert.equal(end, struct.size, `${name} ends`);
    }
  });
}

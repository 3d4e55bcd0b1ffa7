import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, it } from "node:test";
import type { Board } from "../../host/boards/board.ts";
import { boardNames, loadBoard } from "../../host/boards/board-file.ts";
import { IMAGE_KINDS, imagePath } from "../../host/boards/image-file.ts";
import { buildImage } from "../../host/build/images.ts";
import { gateReport } from "../../host/build/gate.ts";
import { DobbsError } from "../../host/errors.ts";

const NAME = "of-a-test";
const tiny = loadBoard("tiny");

afterEach(() => rmSync(dirname(imagePath(NAME, "switch")), { recursive: true, force: true }));

function variant(changes: Partial<Board>): Board {
  return { ...tiny, name: NAME, ...changes };
}

describe("the images", () => {
  for (const name of boardNames()) {
    for (const kind of IMAGE_KINDS) {
      it(`${kind} for ${name} passes the gate, in the board's memory`, () => {
        const { wasm } = loadBoard(name);
        const report = gateReport(readFileSync(imagePath(name, kind)), wasm.features);
        assert.deepEqual(report.problems, []);
        assert.equal(report.memoryKiB, wasm.memoryKiB);
      });
    }
  }
});

describe("building an image", () => {
  it("takes the table sizes of the board, and leaves what is up to date", async () => {
    const first = await buildImage(variant({}), "switch");
    assert.equal(first.kept, false);
    assert.deepEqual(await buildImage(variant({}), "switch"), { ...first, kept: true });
    const larger = variant({ wasm: { ...tiny.wasm, memoryKiB: 512 } });
    assert.equal((await buildImage(larger, "switch")).gate.memoryKiB, 512);
  });

  it("refuses tables that do not fit the board's memory, and names the board and what they need", async () => {
    const crowded = variant({ tables: { ...tiny.tables, flows: 1_048_576 } });
    await assert.rejects(buildImage(crowded, "blade"), (error) => {
      assert.ok(error instanceof DobbsError);
      assert.equal(error.code, "E_BOARD_BUDGET");
      assert.match(error.message, new RegExp(`"${NAME}".*need \\d+ KiB.*256`));
      return true;
    });
    assert.ok(!existsSync(imagePath(NAME, "blade")));
  });

  it("refuses sizes that the firmware cannot do, with the compiler's words", async () => {
    const wide = variant({ tables: { ...tiny.tables, localOwners: 65 }, wasm: { ...tiny.wasm, memoryKiB: 1024 } });
    await assert.rejects(buildImage(wide, "blade"), (error) => {
      assert.ok(error instanceof DobbsError);
      assert.equal(error.code, "E_BUILD_COMPILE");
      assert.match(error.message, /localOwners/);
      return true;
    });
  });
});

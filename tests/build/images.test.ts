import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, it } from "node:test";
import { DEFAULT_BOARD, type Board } from "../../host/boards/board.ts";
import { boardNames, loadBoard } from "../../host/boards/board-file.ts";
import { IMAGE_KINDS, imagePath } from "../../host/boards/image-file.ts";
import { buildImage } from "../../host/build/images.ts";
import { gateReport } from "../../host/build/gate.ts";
import { DobbsError } from "../../host/errors.ts";
import { packagePath } from "../../host/paths.ts";

const NAME = "of-a-test";
const tiny = loadBoard("tiny");

afterEach(() => rmSync(dirname(imagePath(NAME, "switch")), { recursive: true, force: true }));

function variant(changes: Partial<Board>): Board {
  return { ...tiny, name: NAME, ...changes };
}

/** What README says of a board, but for what it is for. */
function readmeRow(name: string): string {
  const { tables, wasm } = loadBoard(name);
  const memory = wasm.memoryKiB < 1024 ? `${wasm.memoryKiB} KiB` : `${wasm.memoryKiB / 1024} MiB`;
  const sizes = IMAGE_KINDS.map((kind) => `${Math.round(statSync(imagePath(name, kind)).size / 1000)} KB`);
  return `| \`${name}\`${name === DEFAULT_BOARD ? " (default)" : ""} | ${tables.flows.toLocaleString("en")} | ${memory} | ${sizes.join(", ")}`;
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

  it("are as large as README says, and no board is missing there", () => {
    const section = readFileSync(packagePath("README.md"), "utf8").split("\n## Boards\n")[1]!.split("\n## ")[0]!;
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    assert.deepEqual(rows.map((row) => row.slice(0, row.lastIndexOf(" | "))).sort(), boardNames().map(readmeRow).sort());
  });
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

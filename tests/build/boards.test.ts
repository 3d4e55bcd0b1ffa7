import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { boardNames, BOARDS_FOLDER, loadBoard } from "../../host/boards/board-file.ts";
import { boardSource } from "../../host/build/board-source.ts";
import { DobbsError } from "../../host/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "dobbs-boards-"));
after(() => rmSync(folder, { recursive: true }));

const EMULATED = readFileSync(join(BOARDS_FOLDER, "emulated.json"), "utf8");

function write(name: string, profile: object | string): void {
  writeFileSync(join(folder, `${name}.json`), typeof profile === "string" ? profile : JSON.stringify(profile));
}

/** Loading the board fails with `code`, and says something that matches each of `words`. */
function refuses(name: string, code: string, ...words: RegExp[]): void {
  assert.throws(
    () => loadBoard(name, folder),
    (error) => {
      assert.ok(error instanceof DobbsError, String(error));
      assert.equal(error.code, code);
      assert.equal(error.exitStatus, 2);
      for (const word of words) assert.match(`${error.message}\n${error.mend}`, word);
      return true;
    },
  );
}

describe("the shipped boards", () => {
  for (const name of boardNames()) {
    it(`${name} is as its schema says`, () => assert.equal(loadBoard(name).name, name));
  }

  it("are at least the default, the server and the small one", () => {
    for (const name of ["emulated", "linux-x86_64", "tiny"]) assert.ok(boardNames().includes(name), name);
    assert.equal(loadBoard("linux-x86_64").tables.flows, 1_048_576);
    assert.equal(loadBoard("tiny").wasm.memoryKiB, 256);
    assert.ok(!loadBoard("tiny").wasm.features.includes("simd"));
  });
});

describe("a board profile", () => {
  beforeEach(() => write("emulated", EMULATED));

  it("takes from another what it does not give itself, field by field; lists are replaced", () => {
    write("small", { name: "small", extends: "emulated", wasm: { features: [] }, tables: { flows: 64 } });
    const parent = loadBoard("emulated", folder);
    assert.deepEqual(loadBoard("small", folder), {
      ...parent,
      name: "small",
      wasm: { ...parent.wasm, features: [] },
      tables: { ...parent.tables, flows: 64 },
    });
  });

  it("takes through several profiles", () => {
    write("middle", { name: "middle", extends: "emulated", ports: { blade: 3 } });
    write("last", { name: "last", extends: "middle", ports: { switch: 5 } });
    assert.deepEqual(loadBoard("last", folder).ports, { blade: 3, switch: 5 });
  });

  it("becomes constants that the firmware is compiled with", () => {
    write("small", { name: "small", extends: "emulated", tables: { flows: 128 } });
    const source = boardSource(loadBoard("small", folder));
    assert.match(source, /^\/\/ generated from boards\/small\.json$/m);
    assert.match(source, /^export const FLOWS: u32 = 128;$/m);
  });

  it("that does not exist is told from those that do", () => refuses("nowhere", "E_BOARD_NOT_FOUND", /nowhere/, /emulated/));

  it("that extends one that does not exist is named", () => {
    write("orphan", { name: "orphan", extends: "parent" });
    refuses("orphan", "E_BOARD_NOT_FOUND", /parent/, /orphan\.json/);
  });

  it("that extends itself by way of another is refused", () => {
    write("hen", { name: "hen", extends: "egg" });
    write("egg", { name: "egg", extends: "hen" });
    refuses("hen", "E_BOARD_EXTENDS", /hen -> egg -> hen/);
  });

  it("that is no JSON is refused", () => {
    write("broken", "{ name: broken }");
    refuses("broken", "E_BOARD_SYNTAX", /broken\.json/);
  });

  it("that is no JSON object is refused", () => {
    write("list", "[1]");
    refuses("list", "E_BOARD_SYNTAX", /list\.json/);
  });

  it("with another name than its file is refused", () => {
    write("alias", { name: "other", extends: "emulated" });
    refuses("alias", "E_BOARD_NAME", /alias\.json/, /other/);
  });

  it("without a field is refused, and the field explained", () => {
    const { tables: { flows: _, ...tables }, ...rest } = JSON.parse(EMULATED);
    write("lacking", { ...rest, name: "lacking", tables });
    refuses("lacking", "E_BOARD_MISSING", /lacking\.json/, /tables: "flows"/, /power of two/);
  });

  it("with a misspelt field is refused, and the fields listed", () => {
    write("misspelt", { name: "misspelt", extends: "emulated", tables: { flow: 64 } });
    refuses("misspelt", "E_BOARD_UNKNOWN", /tables\.flow:/, /flows/);
  });

  const wrong: [string, object, RegExp][] = [
    ["flows that are no power of two", { tables: { flows: 1000 } }, /tables\.flows/],
    ["more buckets than 65,536", { tables: { buckets: 131072 } }, /tables\.buckets/],
    ["memory that is no whole number of pages", { wasm: { memoryKiB: 100 } }, /wasm\.memoryKiB/],
    ["a slot too short for a frame", { frames: { slotBytes: 1024 } }, /frames\.slotBytes/],
    ["a feature that is none", { wasm: { features: ["sidm"] } }, /wasm\.features\[0\][^]*simd/],
    ["a switch with one port", { ports: { switch: 1 } }, /ports\.switch/],
  ];
  for (const [what, fields, words] of wrong) {
    it(`with ${what} is refused`, () => {
      write("wrong", { name: "wrong", extends: "emulated", ...fields });
      refuses("wrong", "E_BOARD_VALUE", /wrong\.json/, words);
    });
  }
});

/** A server's connection ids: from a file that the appliance's maker of such ids has written, one after another. */
import { readFileSync } from "node:fs";

const HEX_LINE = /^([0-9a-f]{2})+$/i;

export class ConnectionIdStock {
  readonly #ids: readonly Buffer[];
  #used = 0;

  /** Reads ids of one length, one a line, in hex. Throws Error, with the path. */
  constructor(path: string) {
    const lines = readFileSync(path, "utf8").split("\n").filter((text) => text !== "");
    if (!lines.every((text) => HEX_LINE.test(text))) throw new Error(`${path}: a line is not of hex digits`);
    if (new Set(lines.map((text) => text.length)).size !== 1) throw new Error(`${path}: ids of one length are wanted, at least one`);
    this.#ids = lines.map((text) => Buffer.from(text, "hex"));
  }

  get idBytes(): number {
    return this.#ids[0]!.length;
  }

  /** Each is given out once. Throws Error when they are used up: an id that names no server would be worse. */
  take(): Buffer {
    const id = this.#ids[this.#used++];
    if (id === undefined) throw new Error(`all ${this.#ids.length} connection ids are used up`);
    return id;
  }
}

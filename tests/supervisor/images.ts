/** Real images on V8, that a test can restart. */
import { readFileSync } from "node:fs";
import { Firmware } from "../../host/engine/firmware.ts";
import { Retained } from "../../host/engine/retained.ts";
import { V8Engine } from "../../host/engine/v8.ts";
import { Records } from "../../host/management/records.ts";
import { packagePath } from "../../host/paths.ts";

const BOARD = "emulated";
const engine = new V8Engine();
const IMAGES = new Map(
  (["blade", "switch"] as const).map((kind) => [
    kind,
    readFileSync(packagePath("build", "images", BOARD, `${kind}.wasm`)),
  ]),
);

export class ImageNode {
  readonly #bytes: Uint8Array;
  readonly #records: Records;
  #firmware: Firmware;
  #retained = new Retained();

  constructor(kind: "blade" | "switch") {
    this.#bytes = IMAGES.get(kind)!;
    this.#firmware = Firmware.load(engine, this.#bytes);
    this.#records = new Records(this.#firmware.layout);
  }

  get layout() {
    return this.#firmware.layout;
  }

  manage(message: Uint8Array, now: number): Uint8Array {
    const answer = this.#firmware.manage(message, now);
    if (answer === null) throw new Error("the image has trapped");
    const bits = this.#records.number(answer, "Envelope", 0, "retain");
    const has = (bit: string): boolean => (bits & this.#records.code("Retain", bit)) !== 0;
    const key = this.#records.number(answer, "Envelope", 0, "retainKey");
    this.#retained.note(message.slice(), { begin: has("BEGIN"), hold: has("HOLD"), close: has("CLOSE"), key });
    return answer;
  }

  /** Why a frame of a stranger, from port 0, is dropped. */
  drops(): string {
    const bytes = Uint8Array.from([...Array<number>(6).fill(0xff), 2, 0, 0, 0, 0, 0xaa, 0x88, 0xb5, ...Array<number>(46).fill(0)]);
    return this.#firmware.process([{ port: 0, bytes }], 0).verdicts[0]!.drop;
  }

  /** One frame in: its verdict, and why it was dropped if it was. */
  frame(bytes: Uint8Array, port: number, now: number): string {
    const { verdict, drop } = this.#firmware.process([{ port, bytes }], now).verdicts[0]!;
    return verdict === "DROP" ? `DROP ${drop}` : verdict;
  }

  /** What becomes of one frame, and what leaves for it. */
  process(port: number, bytes: Uint8Array, now: number): { readonly verdict: string; readonly drop: string; readonly sent: readonly Uint8Array[] } {
    const { verdicts, outputs } = this.#firmware.process([{ port, bytes }], now);
    return { ...verdicts[0]!, sent: outputs.map((output) => output.bytes) };
  }

  /** As an engine does after a trap: a new image, and what it had retained. `"empty"`: the shim itself is a new one. */
  restart(now: number, how: "replayed" | "empty" = "replayed"): void {
    this.#firmware = Firmware.load(engine, this.#bytes);
    if (how === "empty") this.#retained = new Retained();
    for (const { message } of this.#retained.messages()) this.#firmware.manage(message, now);
  }
}

export function loadNode(kind: "blade" | "switch"): ImageNode {
  return new ImageNode(kind);
}

/** A shim in this process: real images on V8, and in the test's hands what it answers. */
import { after } from "node:test";
import { readImage, type ImageKind } from "../../host/boards/image-file.ts";
import { bundleInfo, decodeBundle, encodeBundle } from "../../host/bundle/bundle.ts";
import { bundleError } from "../../host/bundle/bundle-error.ts";
import { Firmware } from "../../host/engine/firmware.ts";
import { ABI_VERSION } from "../../host/engine/layout.ts";
import { V8Engine } from "../../host/engine/v8.ts";
import { DobbsError } from "../../host/errors.ts";
import { encodeError } from "../../host/transport/error-frame.ts";
import { FRAME_KIND, type Frame } from "../../host/transport/frame.ts";
import type { Link } from "../../host/transport/link.ts";
import { type LinkListener, listenLink } from "../../host/transport/listen.ts";
import type { LinkWord } from "../../host/transport/word.ts";

const engine = new V8Engine();
const { MESSAGE, IMAGE, STATUS, FLASH, ERROR } = FRAME_KIND;

/** Of the images that `npm run build` made. */
export function bundleOf(board: string, kind: ImageKind, version = "0.1.0"): Uint8Array {
  return encodeBundle({ kind, board, version, abi: ABI_VERSION, features: [], memoryBytes: 65_536 }, readImage(board, kind));
}

export class FakeShim {
  readonly word: LinkWord;
  readonly links: Link[] = [];
  /** Kinds of the frames that came. */
  readonly asked: number[] = [];
  /** Takes a frame out of the shim's hands: returns true when it has been dealt with. */
  intercept: (frame: Frame, link: Link) => boolean = () => false;
  bundle!: ReturnType<typeof decodeBundle>;
  firmware!: Firmware;
  #swaps = 0;
  #staged = Buffer.alloc(0);
  #listener: LinkListener | null = null;

  constructor(word: LinkWord, bundle: Uint8Array) {
    this.word = word;
    this.#load(bundle);
    after(() => this.stop());
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener = listenLink(this.word, null, {
        kinds: [MESSAGE, IMAGE, STATUS, FLASH],
        maxPayload: 128 * 1024,
        maxLinks: 16,
        onLink: (link) => {
          this.links.push(link);
          link.onFrame = (frame) => this.#answer(frame, link);
          link.onClose = () => void this.links.splice(this.links.indexOf(link), 1);
        },
        onProblem: () => undefined,
        onListening: () => resolve(),
        onFail: reject,
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => (this.#listener ? this.#listener.close(resolve) : resolve()));
  }

  /** Another bundle, and everybody's connection closed. */
  swap(bundle: Uint8Array): void {
    this.#load(bundle);
    this.#swaps++;
    for (const link of [...this.links]) link.close();
  }

  image(): unknown {
    const { layout, instance } = this.firmware;
    const at = layout.constant("LAYOUT");
    const bytes = layout.constant("LAYOUT_REGIONS") * layout.struct("Region").size;
    return {
      constants: Object.fromEntries(instance.constants),
      descriptor: Buffer.from(instance.memory().slice(at, at + bytes)).toString("base64"),
      memoryBytes: instance.memory().length,
      bundle: bundleInfo(this.bundle),
    };
  }

  status(): unknown {
    const port = { oversize: 0, unready: 1, sendFailed: 0, kernelDropped: 2 };
    return {
      name: "ardsley",
      bundle: bundleInfo(this.bundle),
      uptimeMs: 93_784_000,
      restarts: 1,
      framesLost: 3,
      lastTrap: "unreachable",
      swaps: this.#swaps,
      ports: [
        { number: 0, word: "packet:wire", framesIn: 12_345, framesOut: 6, ...port },
        { number: 1, word: "packet:host", framesIn: 7, framesOut: 8, ...port },
      ],
      links: this.links.length,
      frames: { batches: 9, in: 12_352, out: 14 },
    };
  }

  #load(bytes: Uint8Array): void {
    this.bundle = decodeBundle(bytes);
    this.firmware = Firmware.load(engine, this.bundle.image);
  }

  #answer(frame: Frame, link: Link): void {
    this.asked.push(frame.kind);
    if (this.intercept(frame, link)) return;
    const json = (value: unknown): void => void link.send(frame.kind, Buffer.from(JSON.stringify(value)));
    if (frame.kind === MESSAGE) link.send(MESSAGE, this.firmware.manage(frame.payload, Date.now())!);
    else if (frame.kind === IMAGE) json(this.image());
    else if (frame.kind === STATUS) json(this.status());
    else this.#flash(Buffer.from(frame.payload), link, json);
  }

  #flash(part: Buffer, link: Link, json: (value: unknown) => void): void {
    if (part.readUInt32LE(0) === 0) this.#staged = Buffer.alloc(0);
    this.#staged = Buffer.concat([this.#staged, part.subarray(8)]);
    const received = this.#staged.length;
    if (received < part.readUInt32LE(4)) return json({ received });
    try {
      const next = decodeBundle(this.#staged);
      if (next.manifest.kind !== this.bundle.manifest.kind) throw bundleError("E_BUNDLE_KIND", "the other kind");
      const tables = Buffer.compare(next.image, this.bundle.image) === 0 ? "kept" : "lost";
      json({ received, bundle: bundleInfo(next), tables, pauseUs: 4_100 });
      this.swap(this.#staged);
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      link.send(ERROR, encodeError(error));
    }
  }
}

/** What a shim answers, checked: it runs elsewhere, and may be of another release. */
import { IMAGE_KINDS } from "../boards/image-file.ts";
import type { BundleInfo } from "../bundle/bundle.ts";
import { Layout } from "../engine/layout.ts";
import type { DobbsError } from "../errors.ts";
import { linkError } from "../transport/link-error.ts";

/** The image that a shim runs. */
export interface ShimImage {
  readonly bundle: BundleInfo;
  readonly layout: Layout;
  /** Equal for images of the same layout. */
  readonly layoutKey: string;
}

export interface ShimPort {
  readonly number: number;
  readonly word: string;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Longer than a slot: dropped. */
  readonly oversize: number;
  /** Came without their checksum. */
  readonly unready: number;
  readonly sendFailed: number;
  /** Dropped before the shim saw them. */
  readonly kernelDropped: number;
}

export interface ShimStatus {
  readonly name: string;
  readonly bundle: BundleInfo;
  readonly uptimeMs: number;
  /** Of the image, by a trap. */
  readonly restarts: number;
  readonly framesLost: number;
  readonly lastTrap: string | null;
  /** Of the image, by a flash. */
  readonly swaps: number;
  readonly ports: readonly ShimPort[];
  readonly links: number;
  readonly frames: { readonly batches: number; readonly in: number; readonly out: number };
}

export interface FlashProgress {
  readonly received: number;
}

export interface FlashResult extends FlashProgress {
  readonly bundle: BundleInfo;
  /** Whether the image has the tables that the one before had; if not, its traffic manager programs it again. */
  readonly tables: "kept" | "lost";
  /** In which no frame was processed, µs. */
  readonly pauseUs: number;
}

type Fields = Readonly<Record<string, unknown>>;

const I32_MIN = -(2 ** 31);
const I32_MAX = 2 ** 31 - 1;

/** Throws E_LINK_PAYLOAD, or E_IMAGE_* when this host cannot speak with that image. */
export function decodeImage(payload: Uint8Array): ShimImage {
  const fields = json(payload);
  const constants = new Map<string, number>();
  for (const [name, value] of Object.entries(object(fields, "constants"))) {
    if (!Number.isInteger(value) || (value as number) < I32_MIN || (value as number) > I32_MAX) throw malformed(`constants.${name}`);
    constants.set(name, value as number);
  }
  const encoded = text(fields, "descriptor");
  const descriptor = Buffer.from(encoded, "base64");
  const memoryBytes = count(fields, "memoryBytes");
  const layout = layoutOf(constants, descriptor, memoryBytes);
  const layoutKey = JSON.stringify([[...constants].sort(([a], [b]) => (a < b ? -1 : 1)), descriptor.toString("base64"), memoryBytes]);
  return { bundle: bundle(fields), layout, layoutKey };
}

function layoutOf(constants: ReadonlyMap<string, number>, descriptor: Uint8Array, memoryBytes: number): Layout {
  try {
    return new Layout(constants, { descriptor, memoryBytes });
  } catch (error) {
    // A field of a width that no image has.
    if (error instanceof RangeError) throw malformed("constants");
    throw error;
  }
}

/** Throws E_LINK_PAYLOAD. */
export function decodeStatus(payload: Uint8Array): ShimStatus {
  const fields = json(payload);
  const frames = object(fields, "frames");
  return {
    name: text(fields, "name"),
    bundle: bundle(fields),
    uptimeMs: count(fields, "uptimeMs"),
    restarts: count(fields, "restarts"),
    framesLost: count(fields, "framesLost"),
    lastTrap: fields.lastTrap === null || fields.lastTrap === undefined ? null : text(fields, "lastTrap"),
    swaps: count(fields, "swaps"),
    ports: list(fields, "ports").map((port) => ({
      number: count(port, "number"),
      word: text(port, "word"),
      framesIn: count(port, "framesIn"),
      framesOut: count(port, "framesOut"),
      oversize: count(port, "oversize"),
      unready: count(port, "unready"),
      sendFailed: count(port, "sendFailed"),
      kernelDropped: count(port, "kernelDropped"),
    })),
    links: count(fields, "links"),
    frames: { batches: count(frames, "batches"), in: count(frames, "in"), out: count(frames, "out") },
  };
}

/** Throws E_LINK_PAYLOAD. */
export function decodeFlashProgress(payload: Uint8Array): FlashProgress {
  return { received: count(json(payload), "received") };
}

/** Of the last part. Throws E_LINK_PAYLOAD. */
export function decodeFlashResult(payload: Uint8Array): FlashResult {
  const fields = json(payload);
  const tables = text(fields, "tables");
  if (tables !== "kept" && tables !== "lost") throw malformed("tables");
  return { received: count(fields, "received"), bundle: bundle(fields), tables, pauseUs: count(fields, "pauseUs") };
}

function json(payload: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    if (isObject(value)) return value;
  } catch {
    // Not JSON, or not UTF-8.
  }
  throw linkError("E_LINK_PAYLOAD", "the shim's answer is no JSON object");
}

function bundle(fields: Fields): BundleInfo {
  const inner = object(fields, "bundle");
  const kind = IMAGE_KINDS.find((one) => one === inner.kind);
  if (kind === undefined) throw malformed("bundle.kind");
  return { kind, board: text(inner, "board"), version: text(inner, "version"), digest: text(inner, "digest") };
}

function object(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (isObject(value)) return value;
  throw malformed(name);
}

function list(fields: Fields, name: string): Fields[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw malformed(name);
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw malformed(name);
}

function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw malformed(name);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(name: string): DobbsError {
  return linkError("E_LINK_PAYLOAD", `the shim's answer has no "${name}", or not what it should be`);
}

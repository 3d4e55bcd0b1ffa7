/**
 * A bundle: an image with its manifest, and a digest over both (docs/bundle.md). The shim reads the same format
 * (host/native/shim/src/bundle.rs), and refuses with the same codes, in the same order.
 *
 * ```
 *  0         8       12              16           20        24
 * +---------+--------+---------------+------------+---------+----------+-------+-----------------+
 * | DOBBSBDL| format | manifestBytes | imageBytes | 0       | manifest | image | SHA-256 of all  |
 * | 8 bytes | u32    | u32           | u32        | u32     | JSON     |       | before, 32 bytes|
 * +---------+--------+---------------+------------+---------+----------+-------+-----------------+
 * ```
 */
import { createHash } from "node:crypto";
import { IMAGE_KINDS, type ImageKind } from "../boards/image-file.ts";
import { ABI_VERSION } from "../engine/layout.ts";
import { bundleError } from "./bundle-error.ts";

/** Members that are not here are ignored in what is read. */
export interface BundleManifest {
  readonly kind: ImageKind;
  readonly board: string;
  /** Of the release that built it. */
  readonly version: string;
  readonly abi: number;
  /** Lower-case hex. */
  readonly imageSha256: string;
  /** Wasm features that the image needs. */
  readonly features: readonly string[];
  /** All of the image's memory. */
  readonly memoryBytes: number;
}

export interface Bundle {
  readonly manifest: BundleManifest;
  readonly image: Uint8Array;
  /** The bundle's last 32 bytes, in hex: its name. */
  readonly digest: string;
}

/** What a shim says of the bundle that it runs. */
export interface BundleInfo {
  readonly kind: ImageKind;
  readonly board: string;
  readonly version: string;
  readonly digest: string;
}

const MAGIC = Buffer.from("DOBBSBDL", "latin1");
const FORMAT = 1;
const FORMAT_AT = 8;
const MANIFEST_BYTES_AT = 12;
const IMAGE_BYTES_AT = 16;
const RESERVED_AT = 20;
const HEADER_BYTES = 24;
const DIGEST_BYTES = 32;
const MANIFEST_BYTES_MAX = 65_536;
const IMAGE_BYTES_MAX = 16 * 1024 * 1024;
/** Of `board` and `version`: they are printed and logged. */
const WORD_CHARS_MAX = 64;

/** The same bytes for the same manifest and image. */
export function encodeBundle(manifest: Omit<BundleManifest, "imageSha256">, image: Uint8Array): Uint8Array {
  const { kind, board, version, abi, features, memoryBytes } = manifest;
  const whole: BundleManifest = { kind, board, version, abi, imageSha256: sha256(image).toString("hex"), features, memoryBytes };
  const text = Buffer.from(JSON.stringify(whole));
  const header = Buffer.alloc(HEADER_BYTES);
  header.set(MAGIC);
  header.writeUInt32LE(FORMAT, FORMAT_AT);
  header.writeUInt32LE(text.length, MANIFEST_BYTES_AT);
  header.writeUInt32LE(image.length, IMAGE_BYTES_AT);
  const body = Buffer.concat([header, text, image]);
  return Buffer.concat([body, sha256(body)]);
}

/** Only the lengths are looked at before the digest is checked. Throws E_BUNDLE_MAGIC, _LENGTH, _FORMAT, _DIGEST,
 *  _MANIFEST, _ABI or _IMAGE. */
export function decodeBundle(bytes: Uint8Array): Bundle {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const manifestBytes = checkLengths(view);
  const body = view.subarray(0, view.length - DIGEST_BYTES);
  const digest = view.subarray(body.length);
  if (!sha256(body).equals(digest)) throw bundleError("E_BUNDLE_DIGEST", "the bundle's digest does not fit its bytes");
  const manifest = decodeManifest(body.subarray(HEADER_BYTES, HEADER_BYTES + manifestBytes));
  if (manifest.abi !== ABI_VERSION) {
    throw bundleError("E_BUNDLE_ABI", `the bundle is for ABI ${manifest.abi}, this release speaks ABI ${ABI_VERSION}`);
  }
  const image = body.subarray(HEADER_BYTES + manifestBytes);
  if (sha256(image).toString("hex") !== manifest.imageSha256) {
    throw bundleError("E_BUNDLE_IMAGE", "the image is not the one that the manifest names");
  }
  return { manifest, image, digest: digest.toString("hex") };
}

export function bundleInfo({ manifest: { kind, board, version }, digest }: Bundle): BundleInfo {
  return { kind, board, version, digest };
}

/** Returns the length of the manifest; every part is then where the header says. */
function checkLengths(bytes: Buffer): number {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw bundleError("E_BUNDLE_MAGIC", "this is no bundle: it does not begin with DOBBSBDL");
  }
  if (bytes.length < HEADER_BYTES + DIGEST_BYTES) {
    throw bundleError("E_BUNDLE_LENGTH", `the bundle ends after ${bytes.length} bytes`);
  }
  const format = bytes.readUInt32LE(FORMAT_AT);
  if (format !== FORMAT || bytes.readUInt32LE(RESERVED_AT) !== 0) {
    throw bundleError("E_BUNDLE_FORMAT", `the bundle has format ${format}, and this release reads format ${FORMAT}`);
  }
  const manifestBytes = bytes.readUInt32LE(MANIFEST_BYTES_AT);
  const imageBytes = bytes.readUInt32LE(IMAGE_BYTES_AT);
  if (manifestBytes > MANIFEST_BYTES_MAX || imageBytes > IMAGE_BYTES_MAX) {
    const allowed = `${MANIFEST_BYTES_MAX} and ${IMAGE_BYTES_MAX} are allowed`;
    throw bundleError("E_BUNDLE_LENGTH", `a manifest of ${manifestBytes} bytes and an image of ${imageBytes} bytes, where ${allowed}`);
  }
  const expected = HEADER_BYTES + manifestBytes + imageBytes + DIGEST_BYTES;
  if (bytes.length !== expected) {
    throw bundleError("E_BUNDLE_LENGTH", `the bundle has ${bytes.length} bytes, and its header says ${expected}`);
  }
  return manifestBytes;
}

function decodeManifest(bytes: Uint8Array): BundleManifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw bundleError("E_BUNDLE_MANIFEST", `the bundle's manifest: ${(error as Error).message}`);
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const need = (name: keyof BundleManifest, fits: boolean): void => {
    if (!fits) throw bundleError("E_BUNDLE_MANIFEST", `the bundle's manifest: ${name} is missing, or not what it should be`);
  };
  const { kind, board, version, abi, imageSha256, features, memoryBytes } = fields;
  need("kind", (IMAGE_KINDS as readonly unknown[]).includes(kind));
  need("board", isWord(board));
  need("version", isWord(version));
  need("abi", Number.isInteger(abi));
  need("imageSha256", typeof imageSha256 === "string");
  need("features", Array.isArray(features) && features.every((name) => typeof name === "string"));
  need("memoryBytes", Number.isSafeInteger(memoryBytes) && (memoryBytes as number) >= 0);
  return { kind, board, version, abi, imageSha256, features, memoryBytes } as BundleManifest;
}

function isWord(value: unknown): boolean {
  if (typeof value !== "string" || value === "") return false;
  return [...value].length <= WORD_CHARS_MAX && !/\p{Cc}/u.test(value);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

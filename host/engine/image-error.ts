/** Why an image was refused: the same codes on every engine. */
import { DobbsError } from "../errors.ts";

const REBUILD = "Build the image anew with `npm run build`.";

const MENDS = {
  /** Not WebAssembly, or not valid. */
  E_IMAGE_INVALID: "Give the path of an image that `npm run build` made, e.g. build/images/emulated/blade.wasm.",
  /** It wants something from its host. */
  E_IMAGE_IMPORT: "Build the image without imports.",
  /** It would run code before it is asked to. */
  E_IMAGE_START: "Build the image without a start function.",
  /** Its memory can grow. */
  E_IMAGE_MEMORY: "Build the image with a memory maximum that is its minimum.",
  /** A function or the memory is missing, or of another type. */
  E_IMAGE_EXPORT: "Give an image of Dobbs: it exports memory, process and manage.",
  /** It speaks another ABI than this host. */
  E_IMAGE_ABI: "Use image and host of the same release.",
  /** A constant that the host needs is missing. */
  E_IMAGE_NAME: REBUILD,
  /** A table is missing, or not where it could be. */
  E_IMAGE_REGION: REBUILD,
  /** It cannot be instantiated. */
  E_IMAGE_INSTANTIATE: "Free memory, or use an image of a smaller board.",
} as const;

export type ImageErrorCode = keyof typeof MENDS;

export function imageError(code: ImageErrorCode, message: string): DobbsError {
  return new DobbsError(code, message, MENDS[code]);
}

export function isImageErrorCode(code: unknown): code is ImageErrorCode {
  return typeof code === "string" && Object.hasOwn(MENDS, code);
}

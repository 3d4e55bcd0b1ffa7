/** Why a bundle was refused: the shim has the same codes. */
import { DobbsError } from "../errors.ts";

const BUILD_ANEW = "Build the bundle anew with `dobbs build` of this release.";
const COPY_AGAIN = "Copy the bundle again: it was cut or changed on its way.";

const MENDS = {
  E_BUNDLE_MAGIC: "Name a bundle file, e.g. build/bundles/emulated/blade.bundle.",
  E_BUNDLE_FORMAT: BUILD_ANEW,
  E_BUNDLE_LENGTH: COPY_AGAIN,
  E_BUNDLE_DIGEST: COPY_AGAIN,
  E_BUNDLE_MANIFEST: BUILD_ANEW,
  E_BUNDLE_IMAGE: BUILD_ANEW,
  /** A running shim does not turn from a blade into a switch. */
  E_BUNDLE_KIND: "Flash a bundle of the kind that runs there.",
  E_BUNDLE_ABI: "Take the bundle and the shim from one release.",
} as const;

export type BundleErrorCode = keyof typeof MENDS;

export function bundleError(code: BundleErrorCode, message: string): DobbsError {
  return new DobbsError(code, message, MENDS[code], 2);
}

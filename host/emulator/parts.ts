/** What an emulated appliance is put together from: firmware images and TCP/IP stacks. */
import { DEFAULT_BOARD } from "../boards/board.ts";
import { type ImageKind, readImage } from "../boards/image-file.ts";
import { nativeBinding } from "../engine/binding.ts";
import type { EngineName } from "../engine/engine.ts";
import { Firmware } from "../engine/firmware.ts";
import { openEngine } from "../engine/open.ts";
import type { Netstack, NetstackOptions } from "./netstack.ts";

export interface Parts {
  /** A freshly started image. */
  firmware(image: ImageKind): Firmware;
  stack(options: NetstackOptions): Netstack;
}

/** The board's images on an engine, and the TCP/IP stack of the native library. Throws E_IMAGE_MISSING; `firmware` and
 *  `stack` throw what loading an image or the library throws. */
export function partsFor(engineName: EngineName, board = DEFAULT_BOARD): Parts {
  const engine = openEngine(engineName);
  const images = { blade: readImage(board, "blade"), switch: readImage(board, "switch") };
  return {
    firmware: (image) => Firmware.load(engine, images[image]),
    stack: (options) => new (nativeBinding().Netstack)(options),
  };
}

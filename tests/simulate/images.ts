/** The images that are tried here: those that were built for the emulator's board. */
import { readImage } from "../../host/boards/image-file.ts";
import type { Images } from "../../host/simulate/simulator.ts";

export const BOARD = "emulated";

export const IMAGES: Images = { blade: readImage(BOARD, "blade"), switch: readImage(BOARD, "switch") };

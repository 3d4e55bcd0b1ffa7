/** The images that are tried here: those that were built for the emulator's board. */
import { builtImages } from "../../host/simulate/images.ts";

export const BOARD = "emulated";

export const IMAGES = builtImages(BOARD);

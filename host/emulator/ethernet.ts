/** The little that the emulator itself reads of a frame. */
import { bytesToMac, MAC_BYTES } from "../model/address.ts";

export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";

export function destinationOf(frame: Uint8Array): string {
  return bytesToMac(frame.subarray(0, MAC_BYTES));
}

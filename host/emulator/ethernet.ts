/** The little that the emulator itself reads of a frame. */
import { bytesToMac, isUnicastMac, MAC_BYTES } from "../model/address.ts";

export function destinationOf(frame: Uint8Array): string {
  return bytesToMac(frame.subarray(0, MAC_BYTES));
}

/** Whether it is for more than one station: a broadcast or a multicast. */
export function isGroup(frame: Uint8Array): boolean {
  return !isUnicastMac(frame.subarray(0, MAC_BYTES));
}

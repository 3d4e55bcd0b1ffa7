/** The flows that are measured, by number: flow n is always the same client address and port. */
import type { Random } from "../emulator/random.ts";

/** Of the flows that the table holds, the first; the others follow. */
export const HELD_FIRST = 0;
/** Of the flows that it does not hold. */
export const STRANGERS_FIRST = 2 ** 23;
export const FLOWS_MAX = STRANGERS_FIRST - HELD_FIRST;

/** 10.0.0.0/8 */
const NETWORK = 0x0a00_0000;
const PORT_FIRST = 1024;
const PORTS = 65_536 - PORT_FIRST;
/** Odd, and far from a power of two: flows that follow each other have ports far apart. */
const PORT_STEP = 40_503;

/** As a 32-bit number, most significant byte first on the wire. */
export function clientAddress(flow: number): number {
  return NETWORK + flow;
}

export function clientPort(flow: number): number {
  return PORT_FIRST + ((flow * PORT_STEP) % PORTS);
}

/** Flow numbers from `first` on, in their order. */
export function inOrder(first: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => first + index);
}

/** The same numbers, shuffled (Fisher and Yates). */
export function shuffled(flows: Uint32Array, random: Random): Uint32Array {
  const order = flows.slice();
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.between(0, last);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** Writes what goes over a wire as pcapng, at virtual time. */
import { closeSync, openSync, writeSync } from "node:fs";
import { PcapngWriter } from "../capture/pcapng-write.ts";
import { DobbsError } from "../errors.ts";
import type { Fabric } from "./fabric.ts";

const NS_PER_US = 1_000n;

/** A wire's name and the file to write. */
export interface CaptureRequest {
  readonly wire: string;
  readonly path: string;
}

/** Throws E_WIRE_UNKNOWN, or E_CAPTURE_WRITE. Returns what closes the file. */
export function startCapture(fabric: Fabric, { wire: name, path }: CaptureRequest): () => void {
  const wire = fabric.wires.get(name);
  if (!wire) {
    const known = [...fabric.wires.keys()].join(", ");
    throw new DobbsError("E_WIRE_UNKNOWN", `there is no wire "${name}"`, `Name one of ${known}.`);
  }
  const file = openForWriting(path);
  const writer = new PcapngWriter((block) => writeSync(file, block));
  const number = writer.addInterface(name);
  fabric.tap((timeUs, tapped, _from, frame) => {
    if (tapped === wire) writer.addFrame(number, BigInt(timeUs) * NS_PER_US, frame);
  });
  return () => closeSync(file);
}

function openForWriting(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    const reason = (error as Error).message;
    throw new DobbsError("E_CAPTURE_WRITE", `cannot write ${path}: ${reason}`, "Check that the folder exists and is yours.");
  }
}

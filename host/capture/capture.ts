/** A capture in memory, read from pcap or pcapng. Ethernet only, but for the recordings that a shim makes. */
import { readFileSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import { isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng-read.ts";

export interface CaptureInterface {
  /** Empty when the capture does not say. */
  readonly name: string;
  /** Absent: Ethernet. */
  readonly linkType?: number;
}

export interface CaptureFrame {
  /** Index into `Capture.interfaces`. */
  readonly interface: number;
  /** Since 1970; 0 when the capture does not say. */
  readonly timeNs: bigint;
  /** What was captured, from the Ethernet header on. */
  readonly bytes: Uint8Array;
  /** Length on the wire: more than `bytes` has when the capture cut the frame. */
  readonly wireLength: number;
  /** What its first comment says; absent: it has none. */
  readonly comment?: string;
}

export interface Capture {
  readonly interfaces: readonly CaptureInterface[];
  /** In file order. */
  readonly frames: readonly CaptureFrame[];
  /** Sections that have a comment (pcapng). */
  readonly sections?: readonly CaptureSection[];
}

export interface CaptureSection {
  /** Its first. */
  readonly comment: string;
  /** Index of its first interface. */
  readonly firstInterface: number;
}

/** Throws E_CAPTURE_READ, or what `parseCapture` throws. `linkTypes`: those taken beside Ethernet, in pcapng. */
export function readCapture(path: string, linkTypes: readonly number[] = []): Capture {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (error as Error).message;
    throw new DobbsError("E_CAPTURE_READ", `cannot read the capture ${path}: ${reason}`, "Check the path.");
  }
  return parseCapture(bytes, path, linkTypes);
}

/** `name` stands for the file in errors. Throws E_CAPTURE_FORMAT, E_CAPTURE_CUT_OFF or E_CAPTURE_LINKTYPE. */
export function parseCapture(bytes: Uint8Array, name: string, linkTypes: readonly number[] = []): Capture {
  if (isPcapng(bytes)) return readPcapng(bytes, name, linkTypes);
  if (isPcap(bytes)) return readPcap(bytes, name);
  const what = bytes.length === 0 ? "is empty" : "is neither pcap nor pcapng";
  throw new DobbsError("E_CAPTURE_FORMAT", `${name} ${what}`, "Give a capture as tcpdump, dumpcap or Wireshark writes it.");
}

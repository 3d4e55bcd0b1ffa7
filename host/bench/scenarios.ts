/** What is measured: data, one entry for each way that a frame can take most often. */
import type { ImageKind } from "../boards/image-file.ts";
import type { History } from "../model/assignment.ts";
import { PEER, SELF } from "./appliance.ts";
import { ACK, SYN } from "./segment.ts";

export interface Scenario {
  readonly name: string;
  /** One line, for people. */
  readonly about: string;
  readonly image: ImageKind;
  /** Of every bucket. */
  readonly history: History;
  /** `client`: as the switch steers it, or as it comes to the switch; `final`: as a previous owner sends it on; `host`:
   *  a segment of the blade's host. */
  readonly frames: "client" | "final" | "host";
  readonly flags: number;
  /** Whether the frames are of flows that the table holds, or of as many others. */
  readonly known: boolean;
  /** Of `flows` flows, those that are put into the table first: "half" leaves half of a full table free. */
  readonly held: "all" | "half" | "none";
  /** The verdict that every frame must get. */
  readonly verdict: string;
  /** The rows that a batch makes are taken out again before the next one. */
  readonly erase: boolean;
}

const ALONE: History = [SELF];
const AFTER_PEER: History = [SELF, PEER];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "settled",
    about: "segments of known flows, at an owner without a previous one: delivered",
    image: "blade", history: ALONE, frames: "client", flags: ACK, known: true, held: "all", verdict: "DELIVER", erase: false,
  },
  {
    name: "redirected",
    about: "segments of unknown flows, at an owner with a previous one: sent on to that one",
    image: "blade", history: AFTER_PEER, frames: "client", flags: ACK, known: false, held: "all", verdict: "REDIRECT", erase: false,
  },
  {
    name: "own-new-flow",
    about: "segments of unknown flows that the previous owner has sent back as final: delivered",
    image: "blade", history: AFTER_PEER, frames: "final", flags: ACK, known: false, held: "all", verdict: "DELIVER", erase: false,
  },
  {
    name: "syn-insert",
    about: "SYNs of new flows, at an owner without a previous one: delivered and recorded",
    image: "blade", history: ALONE, frames: "client", flags: SYN, known: false, held: "half", verdict: "DELIVER", erase: true,
  },
  {
    name: "egress",
    about: "segments from the host, of known flows: noted and sent to the wire",
    image: "blade", history: ALONE, frames: "host", flags: ACK, known: true, held: "all", verdict: "FORWARD", erase: false,
  },
  {
    name: "switch-steering",
    about: "segments from clients, at the switch: steered to their owner's port",
    image: "switch", history: ALONE, frames: "client", flags: ACK, known: false, held: "none", verdict: "STEER", erase: false,
  },
];

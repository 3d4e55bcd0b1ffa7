/** The timeline in words. Notes that only say that routine work was done are left out; what has no words of its own is
 *  shown as it is. */
import { formatSeconds } from "../model/duration.ts";
import type { Details, TimelineEntry } from "./timeline.ts";

/** Null: not worth a line. */
type Phrase = (details: Details) => string | null;

const untold: Phrase = () => null;

const PHRASES: Readonly<Record<string, Phrase>> = {
  "manager requested": ({ request }) => `ordered: ${request}`,
  "manager reconfigured": ({ generation, before, after, moved }) =>
    `generation ${generation} is in force, ${plural(moved, "bucket")} ${before === "none" ? "dealt" : "moved"}: ${after}`,
  "manager draining": ({ blade, live }) => `${blade} gets no new connections; it has ${live}`,
  "manager deadline": ({ blade, cut }) => `the deadline of ${blade} has come: ${plural(cut, "connection")} will be cut`,
  "manager lingering": ({ blade }) => `no history names ${blade} any more; it stays as long as QUIC connections live there`,
  "manager flows-overdue": ({ blade, flows }) => `${blade} has cut ${plural(flows, "UDP flow")} that had held buckets back for longer than udpDrain`,
  "manager refused": ({ why, code }) => `refused: ${why} (${code})`,
  "manager called-off": ({ generation, why }) => `generation ${generation} is called off: ${why}`,
  "emulator steered": ({ moved, silent }) =>
    moved === 0
      ? null
      : `${plural(moved, "connection")}, ${silent} of them silent, live on while their bucket moves away from their server`,
  "emulator stalled": ({ blade, forMs }) => `the NIC of ${blade} is stuck for ${Number(forMs) / 1_000} s: it passes nothing and answers nobody`,
  "emulator last-moved": ({ count }) => `the last of the ${count} connections that lived through a move has closed`,
  "emulator offline": ({ blade, cut, lastClosed }) =>
    cut === 0
      ? `${blade} is offline, after its last connection has closed at ${lastClosed}`
      : `${blade} is offline, and ${plural(cut, "connection")} with it`,
  "manager ipd-silent": ({ blade }) => `the NIC of ${blade} does not answer its traffic manager`,
  "manager ipd-answers": ({ blade }) => `the NIC of ${blade} answers again`,
  "manager joined": untold,
  "manager prepared": untold,
  "manager installed": untold,
  "manager switched": untold,
  "manager completed": untold,
  "manager handed-over": untold,
  "manager refilled": untold,
  "manager drained": untold,
  "manager tidied": untold,
  "manager forgot": untold,
  // The appliance manager says it, too.
  "manager flows-cut": untold,
  // The emulator has said so, and what it has measured.
  "manager offline": untold,
};

/** One line an entry: time, then what happened. */
export function timelineLines(entries: readonly TimelineEntry[]): string[] {
  return entries.flatMap((entry) => {
    const text = wordsOf(entry);
    return text === null ? [] : [`${formatSeconds(entry.timeUs).padStart(9)}  ${text}`];
  });
}

function wordsOf({ from, event, details }: TimelineEntry): string | null {
  const phrase = PHRASES[`${from} ${event}`];
  if (phrase) return phrase(details);
  const pairs = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return `${event}: ${pairs.join(", ")}`;
}

function plural(count: unknown, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

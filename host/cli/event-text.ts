/** Events in words, for people. What has no words of its own is shown as it is. */
import type { EventRecord } from "../api/event-log.ts";
import { timeOfDay } from "./time-text.ts";

type Phrase = (details: EventRecord["details"]) => string;

const PHRASES: Readonly<Record<string, Phrase>> = {
  requested: ({ request }) => `asked for: ${request}`,
  refused: ({ why, code }) => `refused: ${why} (${code})`,
  joined: ({ blade }) => `${blade} is in the appliance`,
  draining: ({ blade, live }) => `${blade} drains; it has ${count(live, "connection")}`,
  deadline: ({ blade, cut }) => `the deadline of ${blade} has come: ${count(cut, "connection")} will be cut`,
  lingering: ({ blade }) => `${blade} is in no history any more, and stays as long as QUIC connections live there`,
  offline: ({ blade, cut }) => `${blade} is offline, ${cut === 0 ? "no connection was cut" : `${count(cut, "connection")} cut`}`,
  removed: ({ blade }) => `${blade} is removed`,
  silent: ({ blade }) => `${blade} has fallen silent`,
  "heard-again": ({ blade }) => `${blade} is heard again`,
  prepared: ({ generation, blades, seeded }) => `generation ${generation} is prepared on ${count(blades, "blade")}, ${count(seeded, "connection")} seeded`,
  installed: ({ generation, blades, missing }) =>
    `generation ${generation} is installed on ${count(blades, "blade")}${missing === 0 ? "" : `, ${missing} missing`}`,
  "not-installed": ({ blade, generation, why }) => `${blade} has not installed generation ${generation}: ${why}`,
  fenced: () => "the port is shut",
  reconfigured: ({ generation, moved, after }) => `generation ${generation} is in force, ${count(moved, "bucket")} moved: ${after}`,
  forgot: ({ generation, places }) => `generation ${generation} forgets ${count(places, "place")} in histories`,
  uneven: ({ loads }) => `buckets are moved by load: ${loads}`,
  even: ({ loads }) => `loads are even: ${loads}`,
  forced: ({ buckets, cut }) => `by force: ${count(buckets, "bucket")} lost their oldest owner, and ${count(cut, "connection")} there`,
  "flows-overdue": ({ blade, flows }) => `${count(flows, "UDP flow")} held buckets back on ${blade} for longer than udpDrain, and ${flows === 1 ? "was" : "were"} cut`,
  "drain-cancelled": ({ blade, cut }) => `the drain of ${blade} is cancelled${cut === 0 ? "" : `, ${count(cut, "connection")} had been cut`}`,
  "given-up": ({ blade, why, ms }) => `${blade} is given up: ${why} for ${Math.round(Number(ms) / 1_000)} s`,
  "declared-falsely": ({ blade, live }) => `${blade} was declared failed, and was alive: it has ${count(live, "connection")}`,
  failed: ({ blade, cut }) => `${blade} has failed: its port is shut, ${count(cut, "connection")} lost`,
  unfenced: ({ blade, port }) => `${blade} serves again, and port ${port} is open`,
  activated: ({ switch: name }) => `the switch ${name} is active`,
  "not-demoted": ({ switch: name, why }) => `the switch ${name} may still be active: ${why}`,
  switched: ({ generation }) => `the switches have generation ${generation}`,
  "not-switched": ({ why }) => `the switches are behind: ${why}`,
  "switch-overdue": ({ generation, why }) => `generation ${generation} goes into force without all switches: ${why}`,
  "fence-overdue": ({ why }) => `a port could not be shut at the switches: ${why}`,
  "release-overdue": ({ generation, blades }) => `generation ${generation} waits for ${blades} to give up what force takes: if it is dead, declare it failed`,
  "install-overdue": ({ generation, blades }) => `generation ${generation} goes into force without ${blades}`,
  "switch-silent": ({ switch: name }) => `the switch ${name} does not answer`,
  "switch-answers": ({ switch: name }) => `the switch ${name} answers again`,
  "switch-behind": ({ switch: name, generation }) => `the switch ${name} has generation ${generation}, and is programmed again`,
  tabled: ({ filters, forward }) => `${count(filters, "filter rule")} and ${count(forward, "station")} are in force`,
  "tables-refused": ({ blade, why }) => `${blade} refuses the filter rules and stations: ${why}`,
  "switch-late": ({ leader }) => `${leader} was late at the switches with older orders: they are programmed again`,
  "tables-overdue": ({ missing }) => `no answer about filter rules and stations from ${missing}`,
  "called-off": ({ generation, why }) => `generation ${generation} is called off: ${why}`,
};

/** `14:03:22  ardsley is offline, no connection was cut` */
export function eventLine(record: EventRecord): string {
  return `${timeOfDay(record.at)}  ${eventText(record)}`;
}

export function eventText({ event, details }: EventRecord): string {
  const phrase = PHRASES[event];
  // Words that lack what they speak of say less than none.
  const text = phrase?.(details);
  if (text !== undefined && !text.includes("undefined")) return text;
  const pairs = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return pairs.length === 0 ? event : `${event}: ${pairs.join(", ")}`;
}

export function count(number: unknown, noun: string): string {
  const text = typeof number === "number" ? number.toLocaleString("en-US") : String(number);
  return `${text} ${noun}${number === 1 ? "" : "s"}`;
}

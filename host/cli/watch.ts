/** `dobbs watch`: the appliance as it lives. On a terminal a view of it all, elsewhere one line for each event. */
import { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import type { EventRecord } from "../api/event-log.ts";
import type { StatusDocument } from "../api/status-document.ts";
import { DobbsError } from "../errors.ts";
import { statusOf } from "./blade-commands.ts";
import { eventText } from "./event-text.ts";
import { connect, MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManagerOptions } from "./manager.ts";
import { print } from "./output.ts";
import { Screen } from "./screen.ts";
import { parseDuration, timeOfDay } from "./time-text.ts";
import { colorPaint, plainPaint, watchLines } from "./watch-view.ts";

const HELP = `
Bars are buckets: full blocks those that a blade owns now, light ones those that it was the previous
owner of, where it may still hold connections. q or Ctrl-C quits. When stdout is no terminal, or with
--json, each event since now is one line (with --json one JSON document a line), until it is ended.
The view outlives a restart of the appliance manager: it says so, and goes on when it is back.
${MANAGER_HELP}

Examples:
  dobbs watch
  dobbs watch --interval 500ms
  dobbs watch --json | jq 'select(.event == "offline")'
${MANAGER_EXIT_CODES}`;

const INTERVAL_MS_MIN = 50;
const EVENTS_AT_ONCE = 1_000;
const EVENTS_SHOWN_MAX = 200;

interface WatchOptions extends ManagerOptions {
  readonly interval: number;
}

interface EventsDocument {
  readonly events: readonly EventRecord[];
}

export function watchCommand(): Command {
  const command = new Command("watch")
    .summary("see blades, buckets and drains as they change")
    .description("Shows blades, buckets, drains and events as they change.")
    .option("--interval <duration>", "how often to look", parseDuration, 1_000);
  return withManagerOptions(command).addHelpText("after", HELP).action(watchAction);
}

async function watchAction(options: WatchOptions): Promise<void> {
  const client = connect(options);
  try {
    if (process.stdout.isTTY && !options.json) await watchOnScreen(client, options);
    else await watchAsLines(client, options);
  } finally {
    client.close();
  }
}

/** Ends with a signal, with the reader of stdout, or when the appliance manager is gone. */
async function watchAsLines(client: ApiClient, { json, interval }: WatchOptions): Promise<void> {
  let { lastEvent: seen } = await statusOf(client);
  for (;;) {
    for (const record of await eventsAfter(client, seen)) {
      seen = record.n;
      print(json ? JSON.stringify(record) : `${record.at}  ${eventText(record)}`);
    }
    await sleep(interval);
  }
}

async function watchOnScreen(client: ApiClient, { interval }: WatchOptions): Promise<void> {
  let status: StatusDocument | null = await statusOf(client);
  let events: readonly EventRecord[] = await eventsAfter(client, Math.max(0, status.lastEvent - EVENTS_SHOWN_MAX));
  let problem: string | null = null;
  const paint = process.env["NO_COLOR"] ? plainPaint : colorPaint;
  const screen = new Screen((size) => watchLines({ status, events, problem }, size, paint));
  try {
    screen.open();
    while (await screen.wait(interval)) {
      try {
        status = await statusOf(client);
        const fresh = await eventsAfter(client, events.at(-1)?.n ?? 0);
        events = [...events, ...fresh].slice(-EVENTS_SHOWN_MAX);
        problem = null;
      } catch (error) {
        if (!(error instanceof DobbsError)) throw error;
        problem = `as of ${timeOfDay(status.at)}: ${error.message}`;
      }
      screen.draw();
    }
  } finally {
    screen.close();
  }
}

async function eventsAfter(client: ApiClient, after: number): Promise<readonly EventRecord[]> {
  return (await client.ask<EventsDocument>("GET", `/v1/events?after=${after}&limit=${EVENTS_AT_ONCE}`)).events;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(ms, INTERVAL_MS_MIN)));
}

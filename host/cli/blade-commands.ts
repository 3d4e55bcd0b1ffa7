/** What commands that ask something of the appliance manager share. */
import { Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import type { OutcomeDocument } from "../api/service.ts";
import type { BladeDocument, StatusDocument } from "../api/status-document.ts";
import { HISTORY_DEPTH } from "../model/assignment.ts";
import { count } from "./event-text.ts";
import type { JsonOption } from "./options.ts";
import { print, printJson } from "./output.ts";

/** `--force`, of commands that move buckets. */
export interface ForceOption {
  readonly force?: boolean;
}

export function forceOption(): Option {
  return new Option("--force", `cut what the oldest owners of a bucket hold where ${HISTORY_DEPTH} have live connections in it`);
}

export const FORCE_HELP = `
A bucket has at most ${HISTORY_DEPTH} owners with live connections. What would make it more is refused
(E_HISTORY_FULL), with the number of connections that --force would cut.`;

/** What is said of a request that was forced. */
export function forcedText({ cut }: OutcomeDocument): string {
  return cut ? ` By force, ${cutText(cut)}.` : "";
}

export function cutText(cut: number | undefined): string {
  return cut ? `${count(cut, "connection")} ${cut === 1 ? "was" : "were"} cut` : "no connection was cut";
}

/** The path of a request about a blade. */
export function blade(name: string, action: "add" | "drain" | "undrain" | "remove" | "fail"): string {
  return `/v1/blades/${encodeURIComponent(name)}/${action}`;
}

export function statusOf(client: ApiClient): Promise<StatusDocument> {
  return client.ask<StatusDocument>("GET", "/v1/status");
}

export async function bladeOf(client: ApiClient, name: string): Promise<BladeDocument | undefined> {
  return (await statusOf(client)).blades.find((one) => one.name === name);
}

/** Tells what became of a request: the answer itself with --json, else `text` of it. */
export async function tell(
  { json }: JsonOption,
  outcome: OutcomeDocument,
  text: () => string | Promise<string>,
): Promise<void> {
  if (json) return printJson(outcome);
  if (outcome.state === "waiting") return print(`Still under way (request ${outcome.id}): ${outcome.request}. Look with: dobbs status`);
  print(await text());
}

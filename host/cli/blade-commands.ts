/** What commands that ask something of the appliance manager share. */
import type { ApiClient } from "../api/client.ts";
import type { OutcomeDocument } from "../api/service.ts";
import type { BladeDocument, StatusDocument } from "../api/status-document.ts";
import type { JsonOption } from "./options.ts";
import { print, printJson } from "./output.ts";

/** The path of a request about a blade. */
export function blade(name: string, action: "add" | "drain" | "remove" | "fail"): string {
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

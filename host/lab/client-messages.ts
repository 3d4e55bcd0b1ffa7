/** What the lab and the process that plays its clients say to each other: a JSON object a line, on its stdin and stdout. */
import type { Family } from "../model/address.ts";
import type { Hashes } from "./servers.ts";
import type { PlannedSession, SessionResult, Wave } from "./sessions.ts";

export interface ClientsPlan {
  readonly kind: "plan";
  /** Where the appliance serves: its address for clients of each family, and the port. */
  readonly vips: Readonly<Record<Family, string>>;
  readonly port: number;
  readonly sessions: readonly PlannedSession[];
  readonly hashes: Hashes;
  /** Folder of the files to upload. */
  readonly files: string;
  /** The server paces downloads itself (at `/paced/`). */
  readonly serverPaces: boolean;
  /** Bytes a second of all paced transfers. */
  readonly pace: number;
}

export type ToClients =
  | ClientsPlan
  | { readonly kind: "start"; readonly wave: Wave }
  /** Silences are over; who keeps a connection alive closes it. */
  | { readonly kind: "release"; readonly wave: Wave };

export type FromClients =
  | { readonly kind: "connected"; readonly id: number }
  | { readonly kind: "result"; readonly result: SessionResult };

/** Calls `take` with each line's object, as the lines come. */
export function readLines<T>(stream: NodeJS.ReadableStream, take: (message: T) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") take(JSON.parse(line) as T);
  });
}

export function writeLine(stream: NodeJS.WritableStream, message: ToClients | FromClients): void {
  stream.write(`${JSON.stringify(message)}\n`);
}

/**
 * The clients: a process in the clients' namespace, told by the lab (`client-messages.ts`) what to do and when. It ends when
 * the lab does, and its curls with it, whatever it ends of.
 */
import type { ChildProcess } from "node:child_process";
import { type ClientsPlan, type FromClients, readLines, type ToClients, writeLine } from "./client-messages.ts";
import { Conversation } from "./conversation.ts";
import type { PlannedSession, Wave } from "./sessions.ts";
import { transfer } from "./transfer.ts";

const transfers = new Set<ChildProcess>();
const conversations = new Map<Wave, Conversation[]>();
const released = new Set<Wave>();
let plan: ClientsPlan | undefined;

readLines<ToClients>(process.stdin, (message) => {
  if (message.kind === "plan") plan = message;
  else if (message.kind === "start") start(message.wave);
  else release(message.wave);
});
process.on("exit", () => {
  for (const child of transfers) child.kill("SIGKILL");
});
process.stdin.on("end", () => process.exit(0));
// The lab was killed in the middle of listening.
process.stdout.on("error", () => process.exit(1));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

function start(wave: Wave): void {
  for (const session of plan!.sessions) {
    if (session.wave === wave) setTimeout(() => begin(session), session.startMs);
  }
}

function release(wave: Wave): void {
  released.add(wave);
  for (const conversation of conversations.get(wave) ?? []) conversation.release();
}

function begin(session: PlannedSession): void {
  const { id, wave, kind } = session;
  let isTold = false;
  const onConnected = (): void => {
    if (!isTold) tell({ kind: "connected", id });
    isTold = true;
  };
  if (kind === "download" || kind === "upload") {
    const child = transfer(plan!, session, onConnected, (result) => {
      transfers.delete(child);
      tell({ kind: "result", result });
    });
    transfers.add(child);
    return;
  }
  const conversation = new Conversation(plan!, session, onConnected, (result) => tell({ kind: "result", result }));
  conversations.set(wave, [...(conversations.get(wave) ?? []), conversation]);
  if (released.has(wave)) conversation.release();
}

function tell(message: FromClients): void {
  writeLine(process.stdout, message);
}

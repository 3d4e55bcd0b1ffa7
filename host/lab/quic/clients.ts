/**
 * Program: QUIC clients, told by the lab (`messages.ts`) what to do and when.
 * `node clients.js --ca <file> --server-name <name>`
 */
import { parseArgs } from "node:util";
import { readLines } from "../client-messages.ts";
import { QuicClient } from "./client.ts";
import { clientConfig } from "./config.ts";
import type { FromQuicClients, ToQuicClients } from "./messages.ts";

function tell(message: FromQuicClients): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

try {
  const { values } = parseArgs({ options: { ca: { type: "string" }, "server-name": { type: "string" } } });
  const { ca, "server-name": serverName } = values;
  if (!ca || !serverName) throw new Error("wanted are --ca and --server-name");
  const trust = { config: clientConfig(ca), serverName };
  const clients: QuicClient[] = [];
  readLines<ToQuicClients>(process.stdin, (message) => {
    if (message.kind === "start") {
      for (const session of message.sessions) {
        const client = new QuicClient(session, trust, tell);
        clients.push(client);
        void client.run();
      }
    } else if (message.kind === "change-address") for (const client of clients) client.changeAddress();
    else for (const client of clients) client.finish();
  });
  process.stdin.on("end", () => process.exit(0));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

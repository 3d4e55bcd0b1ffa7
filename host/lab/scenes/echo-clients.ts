/** Program: the clients of the echo, a socket each, told by the lab (`echo-messages.ts`) what to do and when. */
import { createSocket, type Socket } from "node:dgram";
import { familyOf } from "../../model/address.ts";
import { vipFor } from "../addresses.ts";
import { readLines } from "../client-messages.ts";
import { askingDatagram, ECHO_PORT, readAnswer } from "./echo-datagram.ts";
import type { EchoSession, FromEchoClients, ToEchoClients } from "./echo-messages.ts";

const ASK_EVERY_MS = 250;
/** At the end: an answer that takes longer never comes, and is asked for again so many times. */
const LAST_MS = 500;
const LAST_TRIES = 8;

class EchoClient {
  readonly #session: EchoSession;
  readonly #socket: Socket;
  readonly #servers = new Set<string>();
  readonly #answered = new Set<number>();
  readonly #beganAt = Date.now();
  #timer: NodeJS.Timeout;
  #asked = 0;
  #corrupt = 0;

  constructor(session: EchoSession, delayMs: number) {
    this.#session = session;
    this.#socket = createSocket(familyOf(session.client) === 6 ? "udp6" : "udp4");
    this.#socket.on("message", (bytes) => this.#take(bytes));
    // Unreachable, too long: it counts as unanswered.
    this.#socket.on("error", () => undefined);
    this.#socket.bind(0, session.client);
    // Not all at once: the server's socket has room for ten datagrams.
    this.#timer = setTimeout(() => (this.#timer = setInterval(() => this.#ask(), ASK_EVERY_MS)), delayMs);
  }

  /** Asks once more, and again if need be: a datagram may be lost, an exchange must not be. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    let last = 0;
    for (let tries = 0; tries < LAST_TRIES && !this.#answered.has(last); tries++) {
      last = this.#ask();
      await new Promise((resolve) => setTimeout(resolve, LAST_MS));
    }
    this.#socket.close();
    tell({
      kind: "result",
      result: {
        id: this.#session.id,
        beganAt: this.#beganAt,
        endedAt: Date.now(),
        asked: this.#asked,
        answered: this.#answered.size,
        corrupt: this.#corrupt,
        servers: [...this.#servers],
        answeredLast: this.#answered.has(last),
      },
    });
  }

  /** Returns its number. */
  #ask(): number {
    const number = ++this.#asked;
    this.#socket.send(askingDatagram(number), ECHO_PORT, vipFor(this.#session.client), () => undefined);
    return number;
  }

  #take(bytes: Buffer): void {
    const answer = readAnswer(bytes);
    if (answer === null) {
      this.#corrupt++;
      return;
    }
    if (this.#answered.size === 0) tell({ kind: "answered", id: this.#session.id });
    this.#answered.add(answer.number);
    this.#servers.add(answer.server);
  }
}

const clients: EchoClient[] = [];

readLines<ToEchoClients>(process.stdin, (message) => {
  if (message.kind === "start") {
    const step = ASK_EVERY_MS / message.sessions.length;
    for (const [i, session] of message.sessions.entries()) clients.push(new EchoClient(session, i * step));
  } else for (const client of clients) void client.finish();
});
process.stdin.on("end", () => process.exit(0));
// The lab was killed in the middle of listening.
process.stdout.on("error", () => process.exit(1));

function tell(message: FromEchoClients): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

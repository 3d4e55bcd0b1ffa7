/** One session on one connection: requests with silences between them, by Node's own HTTP client. */
import { createHash } from "node:crypto";
import { Agent, get, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { familyOf } from "../model/address.ts";
import type { ClientsPlan } from "./client-messages.ts";
import { BLADE_HEADER } from "./servers.ts";
import type { PlannedSession, SessionOutcome, SessionResult } from "./sessions.ts";

const REQUEST_EVERY_MS = 1_000;
/** Silence is silence: a connection that nobody uses is not probed while a lab lasts. */
const PROBE_MS = 3_600_000;
/** An answer that takes longer never comes. */
const ANSWER_MS_MAX = 60_000;

export class Conversation {
  readonly #plan: ClientsPlan;
  readonly #session: PlannedSession;
  readonly #onConnected: () => void;
  readonly #onEnd: (result: SessionResult) => void;
  readonly #agent: Agent;
  #socket: Socket | null = null;
  #clientPort = 0;
  #connectedAt: number | null = null;
  #blade: string | null = null;
  #isReleased = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #silence: { from: number; until: number } | null = null;
  /** What the silence that is on ends with. */
  #next: (() => void) | null = null;

  constructor(plan: ClientsPlan, session: PlannedSession, onConnected: () => void, onEnd: (result: SessionResult) => void) {
    this.#plan = plan;
    this.#session = session;
    this.#onConnected = onConnected;
    this.#onEnd = onEnd;
    this.#agent = new Agent({ keepAlive: true, keepAliveMsecs: PROBE_MS, maxSockets: 1, maxTotalSockets: 1 });
    this.#request(() => this.#fallSilent());
  }

  /** Its last request is due. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#next) this.#schedule(this.#session.kind === "idle" ? this.#session.lingerMs : 0);
  }

  #fallSilent(): void {
    const from = Date.now();
    this.#next = () => {
      if (this.#session.kind === "idle") this.#silence = { from, until: Date.now() };
      this.#request(() => (this.#isReleased ? this.#end("ok", "") : this.#fallSilent()));
    };
    if (this.#session.kind === "keep-alive") this.#schedule(REQUEST_EVERY_MS);
    else if (this.#isReleased) this.#schedule(this.#session.lingerMs);
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const next = this.#next!;
      this.#next = null;
      next();
    }, afterMs);
  }

  #request(onAnswer: () => void): void {
    const { client } = this.#session;
    const file = this.#isReleased ? (this.#session.lastFile ?? this.#session.file) : this.#session.file;
    const options = { host: this.#plan.vips[familyOf(client)], port: this.#plan.port, path: `/files/${file}`, agent: this.#agent, localAddress: client };
    const request = get(options, (response) => this.#receive(response, file, onAnswer));
    request.setTimeout(ANSWER_MS_MAX, () => this.#end("timed-out", "no answer"));
    request.on("error", (error: NodeJS.ErrnoException) => this.#broken(error));
    request.on("socket", (socket) => this.#use(socket));
  }

  /** One connection, and no other: what is broken must not be mended by opening another one. */
  #use(socket: Socket): void {
    if (this.#socket === socket) return;
    if (this.#socket !== null) return this.#end("reset", "the connection was closed");
    this.#socket = socket;
    socket.once("connect", () => {
      this.#clientPort = socket.localPort ?? 0;
      this.#connectedAt = Date.now();
      this.#onConnected();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => this.#broken(error));
    socket.on("close", () => this.#end("reset", "the connection was closed"));
  }

  #receive(response: IncomingMessage, file: string, onAnswer: () => void): void {
    const hash = createHash("sha256");
    this.#blade ??= (response.headers[BLADE_HEADER.toLowerCase()] as string | undefined) ?? null;
    response.on("data", (bytes: Buffer) => hash.update(bytes));
    response.on("error", (error: NodeJS.ErrnoException) => this.#broken(error));
    response.on("end", () => {
      if (this.#isOver) return;
      const isRight = response.statusCode === 200 && hash.digest("hex") === this.#plan.hashes[file];
      if (isRight) onAnswer();
      else this.#end("corrupt", `HTTP ${response.statusCode}`);
    });
  }

  #broken({ code, message }: NodeJS.ErrnoException): void {
    this.#end(code === "ETIMEDOUT" ? "timed-out" : "reset", message);
  }

  #end(outcome: SessionOutcome, detail: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#onEnd({
      id: this.#session.id,
      outcome,
      detail,
      clientPort: this.#clientPort,
      connectedAt: this.#connectedAt,
      endedAt: Date.now(),
      blade: this.#blade,
      ...(this.#silence && { silence: this.#silence }),
    });
    this.#agent.destroy();
  }
}

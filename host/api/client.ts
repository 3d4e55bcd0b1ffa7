/** Asks a running appliance manager, over its JSON API. */
import { Agent, request as httpRequest } from "node:http";
import { DobbsError } from "../errors.ts";
import { type ErrorBody, errorOf } from "./errors.ts";
import type { Method } from "./route.ts";

export interface ApiClientOptions {
  /** `http://127.0.0.1:7440` */
  readonly url: string;
  readonly token: string;
  /** What to do when nothing answers there. */
  readonly startMend: string;
}

/** Longer than the longest answer takes to come. */
const ANSWER_MS_MAX = 90_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /** `path` begins with `/v1/`; a Set-like answer of any 2xx status is returned as `T`. Rejects with what the manager
   *  refused it with, with E_MANAGER_UNREACHABLE, or with E_MANAGER_LOST: then the outcome is not known. */
  async ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.#exchange(method, path, body === undefined ? undefined : JSON.stringify(body));
    const answer = parsed(text);
    if (status < 300 && answer !== undefined) return answer as T;
    if (isErrorBody(answer)) throw errorOf(status, answer);
    throw this.#unreachable(`${this.#options.url} answers, but not as an appliance manager does`);
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(method: Method, path: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const { url, token } = this.#options;
    const bytes = Buffer.from(body ?? "");
    return new Promise((resolve, reject) => {
      let sent = false;
      const failed = (why: string): void => reject(sent && method !== "GET" ? lost(why) : this.#unreachable(why));
      const request = httpRequest(new URL(path, url), {
        method,
        agent: this.#agent,
        timeout: ANSWER_MS_MAX,
        headers: {
          Authorization: `Bearer ${token}`,
          Accept: "application/json",
          ...(body !== undefined && { "Content-Type": "application/json", "Content-Length": bytes.length }),
        },
      });
      request.on("socket", (socket) => {
        if (socket.connecting) socket.once("connect", () => (sent = true));
        else sent = true;
      });
      request.on("timeout", () => request.destroy(new Error("it does not answer")));
      request.on("error", (error: NodeJS.ErrnoException) => failed(`${url}: ${reasonOf(error)}`));
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > ANSWER_BYTES_MAX) request.destroy(new Error("its answer has no end"));
          else chunks.push(chunk);
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }));
        response.on("error", (error) => failed(`${url}: ${error.message}`));
      });
      request.end(bytes);
    });
  }

  #unreachable(why: string): DobbsError {
    return new DobbsError("E_MANAGER_UNREACHABLE", `no appliance manager answers: ${why}`, this.#options.startMend, 1);
  }
}

function lost(why: string): DobbsError {
  return new DobbsError(
    "E_MANAGER_LOST",
    `the appliance manager went away before it said what became of the request: ${why}`,
    "Look with: dobbs status. A request that it had taken up goes on when it is started again.",
    1,
  );
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ECONNREFUSED") return "nothing listens there";
  return code === "ECONNRESET" ? "the connection was closed" : message;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isErrorBody(value: unknown): value is ErrorBody {
  const error = (value as { error?: Partial<ErrorBody["error"]> } | null | undefined)?.error;
  return [error?.code, error?.message, error?.mend].every((text) => typeof text === "string");
}

/**
 * JSON over HTTP for callers on the same host: a token, limits and time-outs, so that no caller can keep another
 * waiting. What is asked and answered is the routes' affair.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { DobbsError } from "../errors.ts";
import { CallerGone, drain, parseBody, parseQuery, readBody } from "./body.ts";
import { errorBody, internalError, statusOf } from "./errors.ts";
import { checkHost, tokenCheck } from "./guard.ts";
import { type Answer, findRoute, MethodError, type Route } from "./route.ts";

export interface HttpServerOptions {
  readonly token: string;
  readonly routes: readonly Route[];
  /** An error that no caller can cause. */
  readonly onFault: (error: unknown) => void;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  /** Of all callers together. Past that, the longest-standing connection that has shown no token goes. */
  readonly connections: number;
  /** A request's headers, and all of it, must be there by then. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** A connection on which nothing moves is closed then: longer than any answer takes. */
  readonly idleMs: number;
}

const LIMITS: Limits = { connections: 256, headersMs: 5_000, requestMs: 15_000, idleMs: 90_000 };
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 64;
const REQUESTS_PER_CONNECTION_MAX = 10_000;
const KEEP_ALIVE_MS = 10_000;
/** For a caller to read why it was refused. */
const LINGER_MS = 1_000;

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #limits: Limits;
  readonly #checkToken: (request: IncomingMessage) => void;
  readonly #server: Server;
  /** In the order in which they came; those that have shown the token are trusted. */
  readonly #connections = new Map<Socket, { trusted: boolean }>();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#checkToken = tokenCheck(options.token);
    const { headersMs, requestMs, idleMs } = this.#limits;
    this.#server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(1_000, headersMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    this.#server.maxHeadersCount = HEADERS_MAX;
    this.#server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
    this.#server.setTimeout(idleMs);
    this.#server.on("connection", (socket) => this.#onConnection(socket));
    this.#server.on("request", (request, response) => void this.#onRequest(request, response));
    this.#server.on("clientError", (error, socket) => onClientError(error, socket as Socket));
  }

  /** Rejects with E_API_LISTEN. */
  async listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(host, port, error)));
      this.#server.listen({ host, port }, () => resolve());
    });
    this.#server.removeAllListeners("error").on("error", this.#options.onFault);
    return { host, port: (this.#server.address() as AddressInfo).port };
  }

  /** Takes no new connections, and ends those there are. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #onConnection(socket: Socket): void {
    const connections = this.#connections;
    connections.set(socket, { trusted: false });
    socket.once("close", () => connections.delete(socket));
    if (connections.size <= this.#limits.connections) return;
    const strangers = [...connections].filter(([, { trusted }]) => !trusted);
    (strangers[0]?.[0] ?? socket).destroy();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A caller that goes away in mid-request is no fault of anyone.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    try {
      write(response, await this.#answer(request));
    } catch (error) {
      if (error instanceof CallerGone) return void request.socket.destroy();
      const known = error instanceof DobbsError ? error : internalError();
      if (known !== error) this.#options.onFault(error);
      // A caller that is still sending would lose the answer if the connection closed under it.
      if (!request.complete) await drain(request);
      if (!request.complete) response.shouldKeepAlive = false;
      if (known instanceof MethodError) response.setHeader("Allow", known.allowed.join(", "));
      if (known.code === "E_API_TOKEN") response.setHeader("WWW-Authenticate", "Bearer");
      write(response, { status: statusOf(known.code), body: errorBody(known) });
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    checkHost(request);
    this.#checkToken(request);
    const connection = this.#connections.get(request.socket);
    if (connection) connection.trusted = true;
    const [path, search] = (request.url ?? "").split("?", 2) as [string, string?];
    const { route, places } = findRoute(this.#options.routes, request.method ?? "", path);
    const query = parseQuery(route, new URLSearchParams(search));
    const body = parseBody(route, request, await readBody(request));
    return route.answer({ places, query, body });
  }
}

function write(response: ServerResponse, { status, body }: Answer): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": bytes.length,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(bytes);
}

/** What is no HTTP at all, too much of it, or too slow. */
function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
  const known = clientError(error.code);
  const body = `${JSON.stringify(errorBody(known))}\n`;
  const head = [
    `HTTP/1.1 ${statusOf(known.code)} Refused`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  // Who goes on sending would hold the other half open.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}

function clientError(code: string | undefined): DobbsError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new DobbsError("E_API_HEADERS", "the headers are larger than 16 KiB", "Send fewer headers.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new DobbsError("E_API_SLOW", "the request did not end in time", "Send it without a pause.");
    default:
      return new DobbsError("E_API_HTTP", "this is no HTTP/1.1 request", "Use an HTTP client.");
  }
}

function listenError(host: string, port: number, { code, message }: NodeJS.ErrnoException): DobbsError {
  const taken = code === "EADDRINUSE";
  return new DobbsError(
    "E_API_LISTEN",
    `cannot listen at ${host}:${port}: ${taken ? "the port is taken" : message}`,
    taken ? "Name another port with --api, or 0 to have one chosen." : "Name another address with --api.",
  );
}

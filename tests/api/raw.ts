/** Bytes over a socket, as a caller may send who keeps to nothing. */
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed, if it is JSON. */
  readonly body: unknown;
}

/** Sends bytes, and reads until the other end closes or `ms` have passed. */
export function exchange(port: number, bytes: string | Uint8Array, ms = 5_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on("connect", () => socket.write(bytes));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
  });
}

/** One request with `Connection: close`, and its answer. */
export async function ask(port: number, head: readonly string[], body = ""): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, `${[...head, "Connection: close"].join("\r\n")}\r\n\r\n${body}`));
}

export function parseAnswer(text: string): RawAnswer {
  const [head, ...rest] = text.split("\r\n\r\n");
  const [first, ...lines] = head!.split("\r\n");
  const headers = Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  }));
  return { status: Number(first!.split(" ")[1] ?? 0), headers, body: json(rest.join("\r\n\r\n")) };
}

export function codeOf({ body }: RawAnswer): string | undefined {
  return (body as { error?: { code?: string } } | null)?.error?.code;
}

export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

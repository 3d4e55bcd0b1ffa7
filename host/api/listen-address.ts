/** Where the API listens: on this host only. */
import { DobbsError } from "../errors.ts";
import { isLoopback } from "./guard.ts";

export interface ApiAddress {
  /** A name or an address, without brackets. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/;
const PORT_MAX = 65_535;

/** `127.0.0.1:7440`, `localhost:0`, `[::1]:7440`. Throws E_API_ADDRESS. */
export function parseApiAddress(text: string): ApiAddress {
  const [, name, digits] = ADDRESS.exec(text) ?? [];
  const port = Number(digits);
  if (name === undefined || port > PORT_MAX) {
    throw new DobbsError("E_API_ADDRESS", `"${text}" is no address to listen at`, "Write it as 127.0.0.1:7440.");
  }
  if (!isLoopback(name)) {
    throw new DobbsError(
      "E_API_ADDRESS",
      `${text} can be reached from other hosts, and the API is for this one only`,
      "Listen at 127.0.0.1, and reach it from elsewhere through ssh: ssh -L 7440:127.0.0.1:7440 <this host>",
    );
  }
  return { host: name.replace(/^\[|\]$/g, ""), port };
}

export function urlOf({ host, port }: ApiAddress): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

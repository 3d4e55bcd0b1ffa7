/** Who may ask: a caller on this host who can read the token. Checked before a byte of the body is read. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIPv4 } from "node:net";
import { DobbsError } from "../errors.ts";

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(:\d{1,5})?$/i;

/** A page that a browser has loaded under a name of its own, which resolves to a loopback address (DNS rebinding),
 *  sends that name. Throws E_API_HOST. */
export function checkHost({ headersDistinct }: IncomingMessage): void {
  const [host, ...others] = headersDistinct.host ?? [];
  const name = HOST.exec(host ?? "")?.[1];
  if (name !== undefined && others.length === 0 && isLoopback(name)) return;
  throw new DobbsError(
    "E_API_HOST",
    "the Host header names no loopback address",
    "Ask at the address that is in api.json of the state folder, from the same host.",
  );
}

/** `localhost`, 127.0.0.0/8 or ::1, as a host name or `[::1]` is written in a URL. */
export function isLoopback(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === "localhost" || lower === "[::1]" || lower === "::1" || (isIPv4(lower) && lower.startsWith("127."));
}

/** Makes a check that takes as long for a token that is almost right as for one that is all wrong. */
export function tokenCheck(token: string): (request: IncomingMessage) => void {
  const expected = digest(token);
  return ({ headersDistinct }) => {
    const [header, ...others] = headersDistinct.authorization ?? [];
    const given = BEARER.exec(header ?? "")?.[1];
    if (timingSafeEqual(digest(given ?? ""), expected) && given !== undefined && others.length === 0) return;
    throw new DobbsError(
      "E_API_TOKEN",
      given === undefined ? "the request has no token" : "the token is not that of this appliance manager",
      'Send the header "Authorization: Bearer <token>" with the text of the file "token" in the state folder.',
    );
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

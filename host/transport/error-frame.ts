/** The payload of an ERROR frame: `{"code", "message", "mend"}`. */
import { DobbsError } from "../errors.ts";

const TEXT_MAX = 2048;

export function encodeError({ code, message, mend }: DobbsError): Uint8Array {
  return Buffer.from(JSON.stringify({ code, message, mend }));
}

/** What the other end refused with, as an error of this one. Null: that is no such payload. */
export function decodeError(payload: Uint8Array): DobbsError | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    return null;
  }
  const { code, message, mend } = (value ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || !/^E_[A-Z0-9_]{1,40}$/.test(code)) return null;
  if (typeof message !== "string" || typeof mend !== "string") return null;
  return new DobbsError(code, message.slice(0, TEXT_MAX), mend.slice(0, TEXT_MAX), 1);
}

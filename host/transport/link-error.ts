/** Why a link, or a frame on it, was refused. The first group are the codes of the wire: the shim has the same. */
import { DobbsError } from "../errors.ts";

const SAME_RELEASE = "Use the same release of Dobbs at both ends.";
const OWN_PROTOCOL = "Connect with a program of Dobbs, to a link of Dobbs.";
const KEYS = "Make both certificates with the same CA: dobbs keys issue.";

const MENDS = {
  /** The bytes do not begin as a frame does. */
  E_LINK_MAGIC: OWN_PROTOCOL,
  E_LINK_VERSION: SAME_RELEASE,
  /** The payload is longer than this end takes. */
  E_LINK_LENGTH: "Send less in a frame.",
  E_LINK_CHECKSUM: "Connect anew, and send the frame again.",
  /** A frame was left out, repeated, or comes too early. */
  E_LINK_SEQUENCE: "Connect anew: the numbers begin at 1 and grow by one.",
  /** No such kind of frame here. */
  E_LINK_KIND: SAME_RELEASE,
  /** The payload is not what its kind needs. */
  E_LINK_PAYLOAD: SAME_RELEASE,
  /** A frame has begun and did not end in time, or nothing came at all. */
  E_LINK_TIMEOUT: "Connect anew; look whether the other end still runs.",

  /** The certificate at the other end is of a role or a name that has no business here. */
  E_LINK_PEER: "Use a certificate of the right role and name: dobbs keys issue <dir> <manager|blade|leader|shim> <name>.",
  /** The TLS handshake failed. */
  E_LINK_TLS: KEYS,
  /** Nobody there. */
  E_LINK_CONNECT: "Look whether the program at the other end runs, and whether the link's word is the one that it listens on.",
  /** The other end does not read what it is sent. */
  E_LINK_SLOW: "Look what keeps the program at the other end from reading.",
  /** Too many links at once. */
  E_LINK_FULL: "Close other links to this program, or wait.",
  /** The other end has closed the link, or is gone. */
  E_LINK_CLOSED: "Look into the log of the program at the other end.",
  /** Another program listens there. */
  E_LINK_IN_USE: "Stop the program that listens there, or name another address.",
  /** Cannot listen there. */
  E_LINK_BIND: "Name an address of this machine, or a path in a folder that is yours.",
} as const;

export type LinkErrorCode = keyof typeof MENDS;

/** Of an address that was given: bad input. */
const UNUSABLE: readonly LinkErrorCode[] = ["E_LINK_IN_USE", "E_LINK_BIND"];

export function linkError(code: LinkErrorCode, message: string, mend: string = MENDS[code]): DobbsError {
  return new DobbsError(code, message, mend, UNUSABLE.includes(code) ? 2 : 1);
}

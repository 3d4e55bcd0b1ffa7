/** The words by which a user names the end of a link: `unix:/path`, `tls:host:port`, `tls:host:port#node`. */
import { isIPv6 } from "node:net";
import { DobbsError } from "../errors.ts";

export type LinkWord =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tls";
      /** A name or an address, without brackets. */
      readonly host: string;
      readonly port: number;
      /** The node that the certificate at the other end must name; null: it must name `host`. */
      readonly node: string | null;
    };

/** Bytes of a Unix socket's path, one less than `sun_path` has. */
const PATH_BYTES_MAX = 107;
const PORT_MAX = 65_535;
/** Host, or an IPv6 address in brackets. */
const TLS = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})(?:#(.*))?$/;

/** Names of nodes: as in the appliance file, and what a certificate may say. */
export const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/;

const MEND = "Write unix:/path/of/a/socket, tls:host:port, or tls:host:port#node when the certificate names the node only; IPv6 as tls:[::1]:7443.";

/** Throws E_LINK_WORD. */
export function parseLinkWord(text: string): LinkWord {
  if (text.startsWith("unix:")) return unixWord(text, text.slice("unix:".length));
  const [, six, name, digits, node] = (text.startsWith("tls:") && TLS.exec(text.slice("tls:".length))) || [];
  const host = six ?? name;
  if (host === undefined) throw wordError(text, "it names neither a Unix socket nor a TLS address");
  if (six !== undefined && !isIPv6(six)) throw wordError(text, `"${six}" is no IPv6 address`);
  const port = Number(digits);
  if (port > PORT_MAX) throw wordError(text, `there is no port ${digits}`);
  if (node !== undefined && !NODE_NAME.test(node)) throw wordError(text, `"${node}" is no name of a node`);
  return { kind: "tls", host, port, node: node ?? null };
}

export function linkWordText(word: LinkWord): string {
  if (word.kind === "unix") return `unix:${word.path}`;
  const host = word.host.includes(":") ? `[${word.host}]` : word.host;
  return `tls:${host}:${word.port}${word.node === null ? "" : `#${word.node}`}`;
}

function unixWord(text: string, path: string): LinkWord {
  if (!path.startsWith("/")) throw wordError(text, "the path of a socket is absolute");
  if (path.endsWith("/")) throw wordError(text, "the path names a folder");
  if (path.includes("\0")) throw wordError(text, "the path has a zero byte in it");
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw wordError(text, `a socket's path has at most ${PATH_BYTES_MAX} bytes`);
  return { kind: "unix", path };
}

function wordError(text: string, what: string): DobbsError {
  return new DobbsError("E_LINK_WORD", `"${text}" is no link: ${what}`, MEND);
}

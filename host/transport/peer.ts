/** Who is at the other end of an authenticated link: role and name, out of the certificate. */
import type { PeerCertificate } from "node:tls";
import { NODE_NAME } from "./word.ts";

/** `manager`: the appliance manager, and operators' tools; `blade`: a traffic manager; `leader`: a traffic manager where it
 *  programs switches; `shim`: a shim. */
export const ROLES = ["manager", "blade", "leader", "shim"] as const;
export type Role = (typeof ROLES)[number];

export interface LinkPeer {
  readonly role: Role;
  /** Of the node. */
  readonly name: string;
}

/** Null: the certificate does not say, or not once, which role and name it is for. The caller has verified it. */
export function peerOf(certificate: PeerCertificate | Record<string, never>): LinkPeer | null {
  const { OU: role, CN: name } = (certificate.subject ?? {}) as { OU?: unknown; CN?: unknown };
  if (typeof name !== "string" || !NODE_NAME.test(name)) return null;
  const known = ROLES.find((one) => one === role);
  return known === undefined ? null : { role: known, name };
}

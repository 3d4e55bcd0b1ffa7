/** Why a traffic manager is not taken in. */
import { DobbsError } from "../errors.ts";

/** `E_PEER_NAME`: the certificate is another node's. `E_PEER_JOIN`: it has not said who it is, or says so twice.
 *  `E_PEER_BLADE`: the appliance has no such blade. `E_PEER_REPLACED`: another traffic manager has come for this blade. */
export type PeerErrorCode = "E_PEER_NAME" | "E_PEER_JOIN" | "E_PEER_BLADE" | "E_PEER_REPLACED";

const MENDS: Readonly<Record<PeerErrorCode, string>> = {
  E_PEER_NAME: "Give the traffic manager the certificate of its own blade: dobbs keys issue <dir> blade <name>.",
  E_PEER_JOIN: "Use the same release of Dobbs at both ends.",
  E_PEER_BLADE: "Write the blade into the appliance file, or add it with `dobbs add`; or correct --blade.",
  E_PEER_REPLACED: "Run one traffic manager a blade.",
};

export function peerError(code: PeerErrorCode, message: string): DobbsError {
  return new DobbsError(code, message, MENDS[code], 1);
}

/** Several dumps of one table, as one. */
import { DobbsError } from "../errors.ts";
import type { HostSocket } from "../supervisor/environment.ts";
import { decodeSocket, socketKey, socketState } from "./diag-message.ts";

/** More than any flow table holds. */
const ROWS_MAX = 4_194_304;

/** Adds the `inet_diag_msg` in `bytes` at `at`. A connection that one dump has live and the other in TIME_WAIT is
 *  live; else the later one counts. Throws E_SOCKETS_READ when there are too many. */
export function addSocket(rows: Map<string, HostSocket>, bytes: Buffer, at: number): void {
  const key = socketKey(bytes, at);
  const state = socketState(bytes, at);
  const known = rows.get(key);
  if (known !== undefined && (state === "time-wait" || state === known.state)) return;
  const row = decodeSocket(bytes, at);
  if (row === null) return;
  if (known === undefined && rows.size === ROWS_MAX) throw tooMany();
  rows.set(key, row);
}

function tooMany(): DobbsError {
  return new DobbsError(
    "E_SOCKETS_READ",
    `the host has more than ${ROWS_MAX} connections`,
    "Spread the load over more blades.",
    1,
  );
}

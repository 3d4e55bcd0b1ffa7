/** Brings a freshly loaded image into service, as its traffic manager would: by management messages. */
import type { Firmware } from "../engine/firmware.ts";
import { DobbsError } from "../errors.ts";
import { connectionIdTable } from "../management/connection-id-table.ts";
import { decodeAnswer, encodeRequest } from "../management/envelope.ts";
import { Records } from "../management/records.ts";
import { refusalOf } from "../management/status.ts";
import { assignmentTable, filterTable, forwardTable, identityTable, putRequests, roleTable, serviceTable } from "../management/tables.ts";
import type { NodeSetup } from "../supervisor/node-setup.ts";

/** `now`: ms. Throws E_IMAGE_REFUSED when the image has no room for the appliance, or knows no such message. */
export function bringIntoService(firmware: Firmware, setup: NodeSetup, kind: "blade" | "switch", now: number): void {
  const records = new Records(firmware.layout);
  const ofBlades: [name: string, bytes: Uint8Array][] = [
    ["SERVICE", serviceTable(records, setup.identity.vips, setup.services)],
    ["CID", connectionIdTable(records, setup.connectionIds)],
  ];
  const tables: [name: string, bytes: Uint8Array][] = [
    ["IDENTITY", identityTable(records, setup.identity)],
    ...(kind === "blade" ? ofBlades : []),
    ["FILTER", filterTable(records, setup.filters)],
    ["FORWARD", forwardTable(records, setup.forward)],
    ["ASSIGNMENT", assignmentTable(records, setup.assignment)],
  ];
  if (kind === "switch") tables.push(["ROLE", roleTable(records, "active")]);
  const requests = tables.flatMap(([name, bytes]) => putRequests(records, name, bytes));
  for (const [index, request] of requests.entries()) {
    const bytes = firmware.manage(encodeRequest(records, index + 1, request), now);
    const answer = bytes && decodeAnswer(records, bytes);
    if (answer?.status === "OK") continue;
    const { text, mend } = refusalOf(answer?.status ?? "NO_ANSWER", answer?.detail ?? 0);
    throw new DobbsError("E_IMAGE_REFUSED", `the image refused the table ${request.table}: ${text}`, mend);
  }
}

/** Tells which bucket a client is in, by asking an image of its own: the hash is the firmware's, and nobody else's. */
import { decodeFlows, flowRequests } from "../management/commands.ts";
import { decodeAnswer, encodeRequest } from "../management/envelope.ts";
import { Records } from "../management/records.ts";
import { bladeSetup, type Shared } from "../supervisor/node-setup.ts";
import { bringIntoService } from "../replay/setup.ts";
import type { Parts } from "./parts.ts";

/** Any numbers do: buckets are chosen by address alone. */
const PORTS = { clientPort: 1, vipPort: 1, protocol: 6 } as const;
/** Higher than that of any message that brings an image into service. */
const FIRST_SEQUENCE = 1_000_000;

/** The bucket of each of `clients`. */
export function findBuckets(parts: Parts, shared: Shared, vip: string, clients: readonly string[]): Map<string, number> {
  const firmware = parts.firmware("blade");
  const setup = bladeSetup(shared, shared.appliance.blades[0]!);
  bringIntoService(firmware, setup, "blade", 0);
  const records = new Records(firmware.layout);
  const flows = clients.map((client) => ({ client, vip, state: "established", ...PORTS }) as const);
  const requests = flowRequests(records, "LOCATE", { generation: setup.assignment.generation, owner: 0 }, flows);
  const buckets = new Map<string, number>();
  for (const [i, request] of requests.entries()) {
    const bytes = firmware.manage(encodeRequest(records, FIRST_SEQUENCE + i, request), 0);
    const answer = bytes && decodeAnswer(records, bytes);
    if (answer?.status !== "OK") throw new Error(`the image does not locate clients: ${answer?.status ?? "no answer"}`);
    for (const { client, bucket } of decodeFlows(records, "FlowBatch", answer.payload)) buckets.set(client, bucket);
  }
  return buckets;
}

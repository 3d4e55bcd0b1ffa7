/** An image under test, on any board and engine: owners `a` and `b` are on this blade, `c` to `f` are elsewhere. */
import { readFileSync } from "node:fs";
import { Firmware, type Frame, type FrameOut } from "../../host/engine/firmware.ts";
import type { Engine } from "../../host/engine/engine.ts";
import { bucketRequests, flowRequests, type BucketCommand, type Flow } from "../../host/management/commands.ts";
import { connectionIdTable, type NodeConnectionIds } from "../../host/management/connection-id-table.ts";
import { decodeAnswer, encodeRequest, type Answer, type Request } from "../../host/management/envelope.ts";
import { Records } from "../../host/management/records.ts";
import {
  assignmentTable,
  filterTable,
  forwardTable,
  identityTable,
  putRequests,
  roleTable,
  serviceTable,
  type FilterEntry,
  type ForwardStation,
} from "../../host/management/tables.ts";
import type { HashName, Service } from "../../host/model/appliance.ts";
import type { AssignedOwner } from "../../host/model/assignment.ts";
import { packagePath } from "../../host/paths.ts";

export const VIP = "10.0.0.100";
export const VIP6 = "2001:db8::64";
export const VMAC = "02:00:00:00:00:64";
export const CLIENT_MAC = "06:00:00:00:01:01";
export const BROADCAST = "ff:ff:ff:ff:ff:ff";
export const BUCKETS = 16;

/** By letter. The number of an owner is its place here; its switch port the same plus 1. */
export const OWNERS: readonly AssignedOwner[] = [..."abcdef"].map((name, index) => ({
  name,
  mac: `02:00:00:00:0${index + 1}:00`,
  blade: name,
  port: index + 1,
  since: 1,
}));

export type OwnerName = "a" | "b" | "c" | "d" | "e" | "f";

export function macOf(name: OwnerName): string {
  return OWNERS[numberOf(name)]!.mac;
}

export function numberOf(name: OwnerName): number {
  return name.charCodeAt(0) - "a".charCodeAt(0);
}

export function imageBytes(board: string, kind: "blade" | "switch"): Uint8Array {
  return readFileSync(packagePath("build", "images", board, `${kind}.wasm`));
}

export class Node {
  readonly firmware: Firmware;
  readonly records: Records;
  now = 1000;
  generation = 0;
  #sequence = 0;

  constructor(engine: Engine, image: Uint8Array) {
    this.firmware = Firmware.load(engine, image);
    this.records = new Records(this.firmware.layout);
  }

  /** The message that carries `request`, with the next sequence number. */
  message(request: Request): Uint8Array {
    return encodeRequest(this.records, ++this.#sequence, request);
  }

  tell(request: Request): Answer {
    const bytes = this.firmware.manage(this.message(request), this.now);
    const answer = bytes && decodeAnswer(this.records, bytes);
    if (!answer) throw new Error(`no answer to ${request.type}`);
    return answer;
  }

  put(table: string, bytes: Uint8Array): Answer {
    return putRequests(this.records, table, bytes).map((request) => this.tell(request)).at(-1)!;
  }

  identifyBlade({ hash = "low-bits" as HashName, redirect = true } = {}): Answer {
    return this.put(
      "IDENTITY",
      identityTable(this.records, {
        vmac: VMAC,
        vips: [VIP, VIP6],
        hash,
        seed: Uint8Array.from({ length: 16 }, (_, i) => i),
        redirect,
        ports: ["fabric", "host", "host", "host"],
        localOwners: [
          { mac: macOf("a"), owner: 0, port: 1 },
          { mac: macOf("b"), owner: 1, port: 2 },
        ],
      }),
    );
  }

  /** Port 0 and 7 are uplinks, 1 to 6 lead to the owners. */
  identifySwitch(): void {
    this.put(
      "IDENTITY",
      identityTable(this.records, {
        vmac: VMAC,
        vips: [VIP, VIP6],
        hash: "low-bits",
        seed: new Uint8Array(16),
        redirect: true,
        ports: ["uplink", "fabric", "fabric", "fabric", "fabric", "fabric", "fabric", "uplink"],
        localOwners: [],
      }),
    );
    this.put("ROLE", roleTable(this.records, "active"));
  }

  /** Puts the next generation in force. The buckets take the histories in turn, newest owner first: `"ab"`. */
  assign(...histories: readonly string[]): Answer {
    const numbers = histories.map((history) => [...history].map((name) => numberOf(name as OwnerName)));
    return this.put(
      "ASSIGNMENT",
      assignmentTable(this.records, {
        generation: ++this.generation,
        owners: OWNERS,
        buckets: Array.from({ length: BUCKETS }, (_, bucket) => numbers[bucket % numbers.length]!),
      }),
    );
  }

  services(services: readonly Service[]): Answer {
    return this.put("SERVICE", serviceTable(this.records, [VIP, VIP6], services));
  }

  connectionIds(connectionIds: readonly NodeConnectionIds[]): Answer {
    return this.put("CID", connectionIdTable(this.records, connectionIds));
  }

  filters(rules: readonly FilterEntry[]): Answer {
    return this.put("FILTER", filterTable(this.records, rules));
  }

  forward(stations: readonly ForwardStation[]): Answer {
    return this.put("FORWARD", forwardTable(this.records, stations));
  }

  seed(owner: number, flows: readonly Flow[]): Answer[] {
    const scope = { generation: this.generation, owner, untouchedMs: 0 };
    return flowRequests(this.records, "SEED", scope, flows).map((request) => this.tell(request));
  }

  command(command: BucketCommand, owner: number, buckets: readonly number[]): Answer[] {
    const scope = { generation: this.generation, owner };
    return bucketRequests(this.records, command, scope, buckets).map((request) => this.tell(request));
  }

  /** One frame in; its verdict (`DELIVER`, `DROP NOT_VIP`) and what left. */
  frame(port: number, bytes: Uint8Array): { verdict: string; outputs: FrameOut[] } {
    const { verdicts, outputs } = this.firmware.process([{ port, bytes }], this.now);
    return { verdict: verdictText(verdicts[0]!), outputs };
  }

  frames(frames: readonly Frame[]): { verdicts: string[]; outputs: FrameOut[] } {
    const { verdicts, outputs } = this.firmware.process(frames, this.now);
    return { verdicts: verdicts.map(verdictText), outputs };
  }
}

function verdictText({ verdict, drop }: { verdict: string; drop: string }): string {
  return verdict === "DROP" ? `DROP ${drop}` : verdict;
}

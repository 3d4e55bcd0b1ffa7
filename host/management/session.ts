/**
 * A node (a blade's IPD or a switch), as its supervisor speaks with it: tables put whole, commands, and questions.
 * Requests are sent in the order in which they were made; a long question lets others in between its messages.
 */
import type { Service } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Clock, ManagementChannel } from "./channel.ts";
import {
  bucketRequests,
  bucketsRequest,
  countersPerMessage,
  countersRequest,
  decodeBuckets,
  decodeCounters,
  decodeCursor,
  decodeFlows,
  decodeHello,
  emptyHandoverRequests,
  flowRequests,
  handoverRequests,
  listRequest,
  type BucketCommand,
  type BucketState,
  type Flow,
  type FlowEntry,
  type FlowFilter,
  type FlowKey,
  type HandoverSource,
  type NodeHello,
} from "./commands.ts";
import { connectionIdTable, decodeUses, usesRequest, type NodeConnectionIds } from "./connection-id-table.ts";
import type { Answer, Request } from "./envelope.ts";
import { Exchange, type ExchangeOptions, type Outcome } from "./exchange.ts";
import type { Records } from "./records.ts";
import { refusalOf, type Refusal } from "./status.ts";
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
  type NodeIdentity,
} from "./tables.ts";

/** `generation`: of the assignment in force at the last answer, 0 for none. */
export type Result<T> =
  | { readonly ok: true; readonly value: T; readonly generation: number }
  | { readonly ok: false; readonly refusal: Refusal };

export type OnResult<T> = (result: Result<T>) => void;

/** Which local owner, under which generation: a node refuses to act on another one. */
export interface Scope {
  readonly generation: number;
  /** Index of the local owner. */
  readonly owner: number;
}

export interface FlowPart {
  readonly rows: FlowEntry[];
  /** Where the scan goes on; 0: it has come to the end of the table. */
  readonly next: number;
}

export class ManagementSession {
  readonly #exchange: Exchange;

  constructor(clock: Clock, channel: ManagementChannel, options?: ExchangeOptions) {
    this.#exchange = new Exchange(clock, channel, options);
  }

  get #records(): Records {
    return this.#exchange.records;
  }

  /** For how long a SYN cookie may be out, in ms. */
  get cookieMs(): number {
    return this.#records.layout.constant("COOKIE_MS");
  }

  /** Who is there, and under which generation. */
  hello(onResult: OnResult<NodeHello>): void {
    const request = { type: "HELLO", payload: new Uint8Array(0) };
    this.#run([request], ([answer]) => decodeHello(this.#records, answer!.payload), onResult);
  }

  putIdentity(identity: NodeIdentity, onResult: OnResult<null>): void {
    this.#put("IDENTITY", identityTable(this.#records, identity), onResult);
  }

  putAssignment(assignment: Assignment, onResult: OnResult<null>): void {
    this.#put("ASSIGNMENT", assignmentTable(this.#records, assignment), onResult);
  }

  putFilters(rules: readonly FilterEntry[], onResult: OnResult<null>): void {
    this.#put("FILTER", filterTable(this.#records, rules), onResult);
  }

  putForward(stations: readonly ForwardStation[], onResult: OnResult<null>): void {
    this.#put("FORWARD", forwardTable(this.#records, stations), onResult);
  }

  /** `vips`: those of its identity. */
  putServices(vips: readonly string[], services: readonly Service[], onResult: OnResult<null>): void {
    this.#put("SERVICE", serviceTable(this.#records, vips, services), onResult);
  }

  putConnectionIds(connectionIds: readonly NodeConnectionIds[], onResult: OnResult<null>): void {
    this.#put("CID", connectionIdTable(this.#records, connectionIds), onResult);
  }

  putRole(role: "active" | "standby", onResult: OnResult<null>): void {
    this.#put("ROLE", roleTable(this.#records, role), onResult);
  }

  /** Puts live connections into the flow table; answers with the bucket of each. OUT_OF_ROOM: `detail` of them all
   *  were put. */
  seed(scope: Scope, flows: readonly Flow[], onResult: OnResult<FlowEntry[]>): void {
    this.#exchange.run(flowRequests(this.#records, "SEED", scope, flows), (outcome) => {
      if (outcome.ok || outcome.status !== "OUT_OF_ROOM")
        return this.#answer(outcome, (answers) => this.#rows(answers), onResult);
      const put = this.#rows(outcome.done).length + outcome.detail;
      onResult({ ok: false, refusal: refusalOf(outcome.status, put) });
    });
  }

  /** Asks for the bucket of each flow. */
  locate(scope: Scope, flows: readonly Flow[], onResult: OnResult<FlowEntry[]>): void {
    this.#run(flowRequests(this.#records, "LOCATE", scope, flows), (answers) => this.#rows(answers), onResult);
  }

  /** Removes those of the flows that were not touched for `untouchedMs`. Answers with how many. */
  remove(scope: Scope, untouchedMs: number, flows: readonly Flow[], onResult: OnResult<number>): void {
    const requests = flowRequests(this.#records, "REMOVE", { ...scope, untouchedMs }, flows);
    this.#run(requests, (answers) => answers.reduce((sum, { detail }) => sum + detail, 0), onResult);
  }

  /** Says that the flow table holds all connections in `buckets`. Refused when the node was started anew since they were
   *  opened (UNSEAL) or sealed: it has lost what it was seeded with. */
  complete(scope: Scope, buckets: readonly number[], onResult: OnResult<null>): void {
    this.#run(bucketRequests(this.#records, "COMPLETE", { ...scope, openOnly: true }, buckets), () => null, onResult);
  }

  /** PIN, UNPIN, COMPLETE, SEAL or UNSEAL. */
  command(command: BucketCommand, scope: Scope, buckets: readonly number[], onResult: OnResult<null>): void {
    this.#run(bucketRequests(this.#records, command, scope, buckets), () => null, onResult);
  }

  /** By local owner's index: ms since a packet was last delivered to it because its connection id names it. */
  uses(onResult: OnResult<number[]>): void {
    const records = this.#records;
    this.#run([usesRequest()], ([answer]) => decodeUses(records, answer!.payload), onResult, records);
  }

  /** Gives the current owner of `bucket`, which is here, the handover list of a previous one: held whole, or not at all. */
  handover(source: HandoverSource, bucket: number, flows: readonly FlowKey[], onResult: OnResult<null>): void {
    this.#run(handoverRequests(this.#records, source, bucket, flows), () => null, onResult);
  }

  /** The same of buckets in which it has no flow. */
  handoverEmpty(source: HandoverSource, buckets: readonly number[], onResult: OnResult<null>): void {
    this.#run(emptyHandoverRequests(this.#records, source, buckets), () => null, onResult);
  }

  /** Rows of the flow table. Rows that come or go during the scan may be in it or not. */
  list(filter: FlowFilter, onResult: OnResult<FlowEntry[]>): void {
    this.listPart(filter, 0, Infinity, (result) => onResult(result.ok ? { ...result, value: result.value.rows } : result));
  }

  /** Rows of a part of the flow table, by `messages` messages at most: from where the part before has ended (`next`), or from 0. */
  listPart(filter: FlowFilter, from: number, messages: number, onResult: OnResult<FlowPart>): void {
    const rows: FlowEntry[] = [];
    const records = this.#records;
    const step = (cursor: number, left: number): void => {
      this.#run(
        [listRequest(records, cursor, filter)],
        ([answer]) => answer!,
        (result) => {
          if (!result.ok) return onResult(result);
          rows.push(...decodeFlows(records, "FlowScan", result.value.payload));
          const next = decodeCursor(records, result.value.payload);
          if (next !== 0 && left > 1) return step(next, left - 1);
          onResult({ ok: true, value: { rows, next }, generation: result.generation });
        },
        records,
      );
    };
    step(from, messages);
  }

  /** States of `count` buckets (all of them) for one local owner. */
  buckets(owner: number, count: number, onResult: OnResult<BucketState[]>): void {
    const states: BucketState[] = [];
    const records = this.#records;
    const step = (): void => {
      const request = bucketsRequest(records, states.length, owner);
      this.#run(
        [request],
        ([answer]) => decodeBuckets(records, answer!.payload),
        (result) => {
          if (!result.ok) return onResult(result);
          states.push(...result.value);
          if (states.length < count && result.value.length > 0) return step();
          onResult({ ok: true, value: states, generation: result.generation });
        },
        records,
      );
    };
    step();
  }

  /** Counters of a region (`VERDICT_COUNTER`, ...), by the name of their code in `group` (`Verdict`, ...). */
  counters(region: string, group: string, onResult: OnResult<ReadonlyMap<string, bigint>>): void {
    const values: bigint[] = [];
    const records = this.#records;
    const step = (): void => {
      const request = countersRequest(records, region, values.length);
      this.#run(
        [request],
        ([answer]) => decodeCounters(records, answer!.payload),
        (result) => {
          if (!result.ok) return onResult(result);
          values.push(...result.value);
          if (result.value.length === countersPerMessage(records)) return step();
          const named = values.flatMap((value, code) => {
            const name = records.layout.nameOf(group, code);
            return name === undefined ? [] : [[name, value] as const];
          });
          onResult({ ok: true, value: new Map(named), generation: result.generation });
        },
        records,
      );
    };
    step();
  }

  #put(table: string, bytes: Uint8Array, onResult: OnResult<null>): void {
    this.#run(putRequests(this.#records, table, bytes), () => null, onResult);
  }

  /** `records`: those of the image that was there when the question began. */
  #run<T>(
    requests: readonly Request[],
    decode: (answers: readonly Answer[]) => T,
    onResult: OnResult<T>,
    records = this.#records,
  ): void {
    this.#exchange.run(requests, (outcome) => this.#answer(outcome, decode, onResult), records);
  }

  #answer<T>(outcome: Outcome, decode: (answers: readonly Answer[]) => T, onResult: OnResult<T>): void {
    if (!outcome.ok) return onResult({ ok: false, refusal: refusalOf(outcome.status, outcome.detail) });
    onResult({ ok: true, value: decode(outcome.answers), generation: outcome.answers.at(-1)?.generation ?? 0 });
  }

  #rows(answers: readonly Answer[]): FlowEntry[] {
    return answers.flatMap(({ payload }) => decodeFlows(this.#records, "FlowBatch", payload));
  }
}

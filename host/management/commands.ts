/** Payloads of commands, and what their answers say. */
import { addressBytes, bytesToIp, familyOf, ipToBytes } from "../model/address.ts";
import { payloadBytesMax, type Request } from "./envelope.ts";
import { bytesPort, concat, portBytes, type Records } from "./records.ts";

export type FlowStateName = "provisional" | "half-open" | "established" | "closing";

/** What tells one flow from another, seen from the appliance. */
export interface FlowKey {
  readonly client: string;
  readonly clientPort: number;
  readonly vip: string;
  readonly vipPort: number;
  /** IP protocol number. */
  readonly protocol: number;
}

export interface Flow extends FlowKey {
  readonly state: FlowStateName;
  /** Since a frame of it was last delivered or sent. Default 0. */
  readonly untouchedMs?: number;
}

/** A flow as an image has it. */
export interface FlowEntry extends Flow {
  /** Index of the local owner. */
  readonly owner: number;
  readonly untouchedMs: number;
  readonly bucket: number;
}

/** What a flow table holds of one bucket for one local owner. */
export interface BucketState {
  readonly bucket: number;
  readonly rows: number;
  readonly complete: boolean;
  readonly sealed: boolean;
  readonly pinned: boolean;
  /** Since UNSEAL, until COMPLETE or SEAL. */
  readonly open: boolean;
  /** A SYN cookie may be out that no row tells of: COMPLETE is refused. */
  readonly cookiesLost: boolean;
  /** Place of the owner in the history, -1: none. */
  readonly index: number;
  /** Of a current owner: places in the history whose owners' handover lists are held. */
  readonly lists: readonly number[];
}

export interface NodeHello {
  readonly abi: number;
  readonly kind: "blade" | "switch";
  /** Of the assignment in force, 0: none. */
  readonly buckets: number;
  readonly flows: number;
}

const FLOW_STATES: Readonly<Record<FlowStateName, string>> = {
  provisional: "PROVISIONAL",
  "half-open": "HALF_OPEN",
  established: "ESTABLISHED",
  closing: "CLOSING",
};
const STATE_NAMES = new Map(Object.entries(FLOW_STATES).map(([name, code]) => [code, name as FlowStateName]));

/** SEED, LOCATE or REMOVE, in as many messages as the flows need. */
export function flowRequests(
  records: Records,
  type: "SEED" | "LOCATE" | "REMOVE",
  batch: { readonly generation: number; readonly owner: number; readonly untouchedMs?: number },
  flows: readonly Flow[],
): Request[] {
  const header = new Uint8Array(records.size("FlowBatch"));
  records.write(header, "FlowBatch", 0, { ...batch });
  const room = Math.floor((payloadBytesMax(records) - header.length) / records.size("FlowRow"));
  return slices(flows, room).map((part) => ({ type, payload: concat([header, flowRows(records, part)]) }));
}

function flowRows(records: Records, flows: readonly Flow[]): Uint8Array {
  const size = records.size("FlowRow");
  const rows = new Uint8Array(flows.length * size);
  flows.forEach((flow, index) =>
    records.write(rows, "FlowRow", index * size, {
      client: ipToBytes(flow.client),
      vip: ipToBytes(flow.vip),
      family: familyOf(flow.vip),
      clientPort: portBytes(flow.clientPort),
      vipPort: portBytes(flow.vipPort),
      protocol: flow.protocol,
      state: records.code("FlowState", FLOW_STATES[flow.state]),
      untouchedMs: flow.untouchedMs ?? 0,
    }),
  );
  return rows;
}

/** Whose handover lists: the previous owner's number in the assignment, and the generation under which they were read. */
export interface HandoverSource {
  readonly generation: number;
  readonly owner: number;
}

/** HANDOVER, in as many parts as the flows need: it is held when all of them have been taken. */
export function handoverRequests(
  records: Records,
  { generation, owner }: HandoverSource,
  bucket: number,
  flows: readonly FlowKey[],
): Request[] {
  const header = new Uint8Array(records.size("Handover"));
  const room = Math.floor((payloadBytesMax(records) - header.length) / records.size("FlowRow"));
  const parts = slices(flows, room);
  return parts.map((rows, part) => {
    records.write(header, "Handover", 0, { generation, owner, bucket, part, parts: parts.length });
    const listed = rows.map((key): Flow => ({ ...key, state: "established" }));
    return { type: "HANDOVER", payload: concat([header, flowRows(records, listed)]) };
  });
}

/** HANDOVER_EMPTY, in as many messages as the buckets need. */
export function emptyHandoverRequests(
  records: Records,
  { generation, owner }: HandoverSource,
  buckets: readonly number[],
): Request[] {
  const header = new Uint8Array(records.size("Handover"));
  records.write(header, "Handover", 0, { generation, owner });
  const room = Math.floor((payloadBytesMax(records) - header.length) / BUCKET_NUMBER_BYTES);
  return slices(buckets, room).map((part) => ({ type: "HANDOVER_EMPTY", payload: concat([header, bucketNumbers(part)]) }));
}

function bucketNumbers(buckets: readonly number[]): Uint8Array {
  const numbers = new Uint8Array(buckets.length * BUCKET_NUMBER_BYTES);
  const view = new DataView(numbers.buffer);
  buckets.forEach((bucket, index) => view.setUint16(index * BUCKET_NUMBER_BYTES, bucket, true));
  return numbers;
}

/** Rows of the answer to SEED or LOCATE (behind a `FlowBatch`) or LIST (behind a `FlowScan`). */
export function decodeFlows(records: Records, header: "FlowBatch" | "FlowScan", payload: Uint8Array): FlowEntry[] {
  return offsets(records, header, "FlowRow", payload).map((at) => {
    const bytes = (name: string): Uint8Array => records.bytes(payload, "FlowRow", at, name);
    const number = (name: string): number => records.number(payload, "FlowRow", at, name);
    const address = (name: string): string => bytesToIp(bytes(name).subarray(0, addressBytes(number("family"))));
    return {
      client: address("client"),
      clientPort: bytesPort(bytes("clientPort")),
      vip: address("vip"),
      vipPort: bytesPort(bytes("vipPort")),
      protocol: number("protocol"),
      state: STATE_NAMES.get(records.layout.nameOf("FlowState", number("state")) ?? "") ?? "provisional",
      owner: number("owner"),
      untouchedMs: number("untouchedMs"),
      bucket: number("bucket"),
    };
  });
}

/** Which rows of a flow table are meant: all, but for what is said here. */
export interface FlowFilter {
  /** Rows in buckets of which their owner is a previous one. */
  readonly previousOnly?: boolean;
  /** Rows of other protocols than TCP. */
  readonly othersOnly?: boolean;
}

export function listRequest(records: Records, cursor: number, filter: FlowFilter): Request {
  const payload = new Uint8Array(records.size("FlowScan"));
  const { previousOnly = false, othersOnly = false } = filter;
  records.write(payload, "FlowScan", 0, { cursor, previousOnly: Number(previousOnly), othersOnly: Number(othersOnly) });
  return { type: "LIST", payload };
}

/** Where the scan goes on; 0: it is over. */
export function decodeCursor(records: Records, payload: Uint8Array): number {
  return records.number(payload, "FlowScan", 0, "cursor");
}

/** PIN, UNPIN, COMPLETE, SEAL or UNSEAL, in as many messages as the buckets need; each is carried out whole or not. */
export function bucketRequests(
  records: Records,
  type: BucketCommand,
  batch: { readonly generation: number; readonly owner: number; readonly openOnly?: boolean },
  buckets: readonly number[],
): Request[] {
  const header = new Uint8Array(records.size("BucketBatch"));
  records.write(header, "BucketBatch", 0, { ...batch, openOnly: Number(batch.openOnly ?? false) });
  const room = Math.floor((payloadBytesMax(records) - header.length) / BUCKET_NUMBER_BYTES);
  return slices(buckets, room).map((part) => ({ type, payload: concat([header, bucketNumbers(part)]) }));
}

/** Places of previous owners in a history. */
const LIST_PLACES = [1, 2, 3] as const;

export type BucketCommand = "PIN" | "UNPIN" | "COMPLETE" | "SEAL" | "UNSEAL";
const BUCKET_NUMBER_BYTES = 2;

export function bucketsRequest(records: Records, first: number, owner: number): Request {
  const payload = new Uint8Array(records.size("BucketScan"));
  records.write(payload, "BucketScan", 0, { first, owner });
  return { type: "BUCKETS", payload };
}

export function decodeBuckets(records: Records, payload: Uint8Array): BucketState[] {
  const first = records.number(payload, "BucketScan", 0, "first");
  const noOwner = records.layout.constant("NO_OWNER");
  return offsets(records, "BucketScan", "BucketRow", payload).map((at, row) => {
    const number = (name: string): number => records.number(payload, "BucketRow", at, name);
    const has = (flag: string): boolean => (number("flags") & records.code("BucketFlag", flag)) !== 0;
    return {
      bucket: first + row,
      rows: number("rows"),
      complete: has("COMPLETE"),
      sealed: has("SEALED"),
      pinned: has("PINNED"),
      open: has("OPEN"),
      cookiesLost: has("COOKIES_LOST"),
      index: number("index") === noOwner ? -1 : number("index"),
      lists: LIST_PLACES.filter((place) => has(`LISTED_${place}`)),
    };
  });
}

/** The counters of a region by code, from `first` on. */
export function countersRequest(records: Records, region: string, first: number): Request {
  const payload = new Uint8Array(records.size("CounterScan"));
  records.write(payload, "CounterScan", 0, { region: records.code("RegionId", region), first });
  return { type: "COUNTERS", payload };
}

export function countersPerMessage(records: Records): number {
  return Math.floor((payloadBytesMax(records) - records.size("CounterScan")) / COUNTER_BYTES);
}

export function decodeCounters(records: Records, payload: Uint8Array): bigint[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const header = records.size("CounterScan");
  const count = Math.floor((payload.length - header) / COUNTER_BYTES);
  return Array.from({ length: count }, (_, index) => view.getBigUint64(header + index * COUNTER_BYTES, true));
}

const COUNTER_BYTES = 8;

export function decodeHello(records: Records, payload: Uint8Array): NodeHello {
  const number = (name: string): number => records.number(payload, "Hello", 0, name);
  return {
    abi: number("abi"),
    kind: records.layout.nameOf("ImageKind", number("kind")) === "SWITCH" ? "switch" : "blade",
    buckets: number("buckets"),
    flows: number("flows"),
  };
}

/** Where the records behind a header begin. */
function offsets(records: Records, header: string, struct: string, payload: Uint8Array): number[] {
  const start = records.size(header);
  const size = records.size(struct);
  const count = Math.max(0, Math.floor((payload.length - start) / size));
  return Array.from({ length: count }, (_, index) => start + index * size);
}

function slices<T>(rows: readonly T[], room: number): T[][] {
  return Array.from({ length: Math.ceil(rows.length / room) }, (_, part) => rows.slice(part * room, (part + 1) * room));
}

/** The envelope that stands before every message and every answer. */
import { concat, type Records } from "./records.ts";

/** A request without its sequence number. */
export interface Request {
  /** Name of the `Message`. */
  readonly type: string;
  /** Name of the `Table` of a PUT. */
  readonly table?: string;
  readonly chunk?: number;
  readonly chunks?: number;
  /** The last chunk: put the table in force. */
  readonly commit?: boolean;
  readonly payload: Uint8Array;
}

export interface Answer {
  readonly sequence: number;
  readonly type: number;
  readonly chunk: number;
  /** Name of the `Status`. */
  readonly status: string;
  readonly detail: number;
  /** Generation of the assignment in force, 0 for none. */
  readonly generation: number;
  readonly lastSequence: number;
  readonly payload: Uint8Array;
}

/** Bytes of payload that a message has room for. */
export function payloadBytesMax(records: Records): number {
  return records.layout.constant("MESSAGE_BYTES_MAX") - records.size("Envelope");
}

export function encodeRequest(records: Records, sequence: number, request: Request): Uint8Array {
  const envelope = new Uint8Array(records.size("Envelope"));
  records.write(envelope, "Envelope", 0, {
    magic: records.layout.constant("ENVELOPE_MAGIC"),
    version: records.layout.constant("ENVELOPE_VERSION"),
    type: records.code("Message", request.type),
    sequence,
    chunk: request.chunk ?? 0,
    chunks: request.chunks ?? 1,
    length: request.payload.length,
    flags: request.commit ? records.code("EnvelopeFlag", "COMMIT") : 0,
    table: records.code("Table", request.table ?? "NONE"),
  });
  return concat([envelope, request.payload]);
}

/** Null: these bytes are no answer of an image that speaks this layout. */
export function decodeAnswer(records: Records, bytes: Uint8Array): Answer | null {
  const size = records.size("Envelope");
  if (bytes.length < size) return null;
  const field = (name: string): number => records.number(bytes, "Envelope", 0, name);
  if (field("magic") !== records.layout.constant("ENVELOPE_MAGIC")) return null;
  if ((field("flags") & records.code("EnvelopeFlag", "ANSWER")) === 0) return null;
  if (bytes.length < size + field("length")) return null;
  return {
    sequence: field("sequence"),
    type: field("type"),
    chunk: field("chunk"),
    status: records.layout.nameOf("Status", field("status")) ?? `status ${field("status")}`,
    detail: field("detail"),
    generation: field("generation"),
    lastSequence: field("lastSequence"),
    payload: bytes.slice(size, size + field("length")),
  };
}

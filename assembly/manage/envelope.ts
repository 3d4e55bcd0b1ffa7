/**
 * The envelope: checks what every request must have, and writes what every answer has. A request that fails here
 * changes nothing.
 */
import { Event } from "../abi";
import {
  ENVELOPE_MAGIC,
  ENVELOPE_VERSION,
  Envelope,
  EnvelopeFlag,
  MESSAGE_BYTES_MAX,
  Message,
  Status,
} from "../messages";
import { generation } from "../buckets";
import { count } from "../counters";

export const INBOX: usize = memory.data(MESSAGE_BYTES_MAX, 16);
export const OUTBOX: usize = memory.data(MESSAGE_BYTES_MAX, 16);

/** The last accepted request: a repetition is told by it. */
const LAST_REQUEST: usize = memory.data(MESSAGE_BYTES_MAX, 16);
/** And its answer. */
const LAST_ANSWER: usize = memory.data(MESSAGE_BYTES_MAX, 16);

export const PAYLOAD: usize = INBOX + offsetof<Envelope>();
export const ANSWER_PAYLOAD: usize = OUTBOX + offsetof<Envelope>();
export const PAYLOAD_BYTES_MAX: u32 = MESSAGE_BYTES_MAX - <u32>offsetof<Envelope>();

let lastSequence: u32 = 0;
let lastRequestBytes: u32 = 0;
let lastAnswerBytes: u32 = 0;

/** A message's outcome: `Status`, and the number that explains it. */
let status: u32 = 0;
let detail: u32 = 0;
let answerPayloadBytes: u32 = 0;

export function request(): Envelope {
  return changetype<Envelope>(INBOX);
}

function answer(): Envelope {
  return changetype<Envelope>(OUTBOX);
}

/** Refuses the message; for `return refuse(...)`. */
export function refuse(code: u32, number: u32): void {
  status = code;
  detail = number;
}

/** Explains an accepted message. */
export function explain(number: u32): void {
  detail = number;
}

export function isAccepted(): bool {
  return status == Status.OK;
}

/** Says how many bytes of payload the answer has. */
export function answerWith(bytes: u32): void {
  answerPayloadBytes = bytes;
}

/** `Retain` bits of the answer. */
export function retain(bits: u32, key: u32): void {
  answer().retain = <u8>bits;
  answer().retainKey = <u8>key;
}

/** Whether there is a request to handle. If not, the answer is all but written: call `finish`. */
export function open(bytes: u32): bool {
  count(Event.MESSAGE_IN);
  status = Status.OK;
  detail = 0;
  answerPayloadBytes = 0;
  memory.fill(OUTBOX, 0, offsetof<Envelope>());
  check(bytes);
  return isAccepted();
}

function check(bytes: u32): void {
  const envelope = request();
  if (bytes < <u32>offsetof<Envelope>() || bytes > MESSAGE_BYTES_MAX) return refuse(Status.BAD_LENGTH, bytes);
  if (envelope.magic != ENVELOPE_MAGIC) return refuse(Status.BAD_MAGIC, 0);
  if (envelope.version != ENVELOPE_VERSION) return refuse(Status.BAD_VERSION, ENVELOPE_VERSION);
  if (bytes != <u32>offsetof<Envelope>() + envelope.length) return refuse(Status.BAD_LENGTH, bytes);
  if (envelope.flags & EnvelopeFlag.ANSWER || envelope.status | envelope.retain | envelope.retainKey) {
    return refuse(Status.NOT_A_REQUEST, 0);
  }
  if (envelope.detail | envelope.generation | envelope.lastSequence) return refuse(Status.NOT_A_REQUEST, 0);
  if (envelope.type == Message.HELLO) return;
  if (envelope.sequence <= lastSequence) return refuse(Status.STALE_SEQUENCE, lastSequence);
}

/** Bytes of the last answer, when the inbox holds the last accepted request once more; else 0. */
export function repeated(bytes: u32): u32 {
  if (lastAnswerBytes == 0 || bytes != lastRequestBytes) return 0;
  if (request().type == Message.HELLO || request().sequence != lastSequence) return 0;
  if (memory.compare(INBOX, LAST_REQUEST, bytes) != 0) return 0;
  memory.copy(OUTBOX, LAST_ANSWER, lastAnswerBytes);
  // The engine holds it already.
  retain(0, 0);
  count(Event.MESSAGE_IN);
  return lastAnswerBytes;
}

/** Writes the answer's envelope; returns the answer's length in bytes. */
export function finish(): u32 {
  const asked = request();
  const envelope = answer();
  if (isAccepted()) {
    if (asked.type != Message.HELLO) lastSequence = asked.sequence;
  } else {
    count(Event.MESSAGE_REFUSED);
    if (status != Status.OUT_OF_ROOM) answerPayloadBytes = 0;
  }
  envelope.magic = <u16>ENVELOPE_MAGIC;
  envelope.version = <u8>ENVELOPE_VERSION;
  envelope.type = asked.type;
  envelope.sequence = asked.sequence;
  envelope.chunk = asked.chunk;
  envelope.chunks = asked.chunks;
  envelope.length = <u16>answerPayloadBytes;
  envelope.flags = <u8>EnvelopeFlag.ANSWER;
  envelope.table = asked.table;
  envelope.status = <u16>status;
  envelope.detail = detail;
  envelope.generation = generation();
  envelope.lastSequence = lastSequence;
  const bytes = <u32>offsetof<Envelope>() + answerPayloadBytes;
  if (isAccepted() && asked.type != Message.HELLO) {
    lastRequestBytes = <u32>offsetof<Envelope>() + asked.length;
    memory.copy(LAST_REQUEST, INBOX, lastRequestBytes);
    memory.copy(LAST_ANSWER, OUTBOX, bytes);
    lastAnswerBytes = bytes;
  }
  return bytes;
}

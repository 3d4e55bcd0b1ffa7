/** The envelope, and tables that are PUT: every code, and that a refused message changes nothing. */
import { Event, ImageKind, Verdict } from "../abi";
import {
  ENVELOPE_VERSION,
  Envelope,
  EnvelopeFlag,
  MESSAGE_BYTES_MAX,
  Message,
  Retain,
  Status,
  Table,
} from "../messages";
import { buckets, generation, stateOf } from "../buckets";
import { EVENT_COUNTERS } from "../counters";
import { flows } from "../flows";
import { ANSWER_PAYLOAD, INBOX } from "../manage/envelope";
import { FlowState, Hello } from "../commands";
import { Assignment, FilterRule, ForwardEntry, HashMode, Identity, LocalOwner, Owner, Role } from "../records";
import { BUCKETS_MAX, FILTERS_MAX, FORWARDS_MAX, LOCAL_OWNERS_MAX, OWNERS_MAX, STAGE_BYTES, VIPS_MAX } from "../sizes";
import { assign, direct, identify, reply, seed, tell } from "./support/blade";
import { ACK, client } from "./support/frames";
import {
  CHUNK_BYTES_MAX,
  HEADER,
  NONE,
  TABLE,
  answer,
  assignment,
  assignmentBytes,
  bucketBatch,
  bucketScan,
  chunk,
  envelope,
  flowBatch,
  identity,
  stagedHistory,
} from "./support/messages";

function inbox(): Envelope {
  return changetype<Envelope>(INBOX);
}

function retained(): u32 {
  return answer().retain;
}

function putAssignment(bytes: u32): u32 {
  return tell(chunk(Table.ASSIGNMENT, 0, 1, 0, bytes));
}

function putIdentity(bytes: u32): u32 {
  return tell(chunk(Table.IDENTITY, 0, 1, 0, bytes));
}

describe("before the first tables", () => {
  it("HELLO tells ABI, image and sequence", () => {
    expect<u32>(tell(envelope(Message.HELLO, 0))).toBe(Status.OK);
    expect<u32>(answer().lastSequence).toBe(0);
    expect<u32>(answer().generation).toBe(0);
    const hello = changetype<Hello>(ANSWER_PAYLOAD);
    expect<u32>(hello.kind).toBe(ImageKind.BLADE);
    expect<u32>(hello.buckets).toBe(0);
    expect<u32>(answer().flags).toBe(EnvelopeFlag.ANSWER);
  });
  it("commands on flows and buckets are refused: not ready", () => {
    expect<u32>(tell(flowBatch(Message.SEED, 0, 0, client(1, 1), 1, FlowState.ESTABLISHED))).toBe(Status.NOT_READY);
    expect<u32>(tell(bucketBatch(Message.PIN, 0, 0, 1))).toBe(Status.NOT_READY);
  });
  it("an assignment may come before the identity", () => {
    expect<u32>(putAssignment(assignment(1, 1, NONE, NONE, NONE))).toBe(Status.OK);
    identify(0);
    expect<u32>(direct(client(1, 1), 1000, ACK)).toBe(Verdict.DELIVER);
  });
});

describe("the envelope", () => {
  it("shorter than itself: BAD_LENGTH, with the bytes that came", () => {
    envelope(Message.HELLO, 0);
    expect<u32>(tell(HEADER - 1)).toBe(Status.BAD_LENGTH);
    expect<u32>(answer().detail).toBe(HEADER - 1);
    expect<u32>(tell(0)).toBe(Status.BAD_LENGTH);
  });
  it("longer than a message may be: BAD_LENGTH", () => {
    envelope(Message.HELLO, 0);
    expect<u32>(tell(MESSAGE_BYTES_MAX + 1)).toBe(Status.BAD_LENGTH);
  });
  it("whose length is not what came: BAD_LENGTH", () => {
    const bytes = envelope(Message.HELLO, 4);
    expect<u32>(tell(bytes + 1)).toBe(Status.BAD_LENGTH);
    envelope(Message.HELLO, 4);
    expect<u32>(tell(bytes - 1)).toBe(Status.BAD_LENGTH);
  });
  it("without the magic: BAD_MAGIC", () => {
    const bytes = envelope(Message.HELLO, 0);
    inbox().magic = 0x1234;
    expect<u32>(tell(bytes)).toBe(Status.BAD_MAGIC);
  });
  it("of another version: BAD_VERSION, with the one spoken", () => {
    const bytes = envelope(Message.HELLO, 0);
    inbox().version = 9;
    expect<u32>(tell(bytes)).toBe(Status.BAD_VERSION);
    expect<u32>(answer().detail).toBe(ENVELOPE_VERSION);
  });
  it("of an answer: NOT_A_REQUEST", () => {
    const bytes = envelope(Message.HELLO, 0);
    inbox().flags = <u8>EnvelopeFlag.ANSWER;
    expect<u32>(tell(bytes)).toBe(Status.NOT_A_REQUEST);
    envelope(Message.HELLO, 0);
    inbox().generation = 7;
    expect<u32>(tell(bytes)).toBe(Status.NOT_A_REQUEST);
  });
  it("of an unknown message: UNKNOWN_MESSAGE, with the type", () => {
    expect<u32>(tell(envelope(250, 0))).toBe(Status.UNKNOWN_MESSAGE);
    expect<u32>(answer().detail).toBe(250);
  });
  it("replayed or reordered: STALE_SEQUENCE, with the last accepted", () => {
    tell(bucketScan(0, 0));
    const last = answer().lastSequence;
    const bytes = bucketScan(0, 0);
    inbox().sequence = last - 1;
    expect<u32>(tell(bytes)).toBe(Status.STALE_SEQUENCE);
    expect<u32>(answer().detail).toBe(last);
  });
  it("repeated: the same answer, and nothing is done twice", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    const bytes = flowBatch(Message.SEED, generation(), 0, client(1, 77), 1000, FlowState.ESTABLISHED);
    expect<u32>(tell(bytes)).toBe(Status.OK);
    const last = answer().lastSequence;
    const rows = flows();
    expect<u32>(tell(bytes)).toBe(Status.OK);
    expect<u32>(answer().lastSequence).toBe(last);
    expect<u32>(answer().sequence).toBe(last);
    expect<u32>(flows()).toBe(rows);
  });
  it("with another payload is no repetition", () => {
    flowBatch(Message.LOCATE, generation(), 0, client(1, 78), 1000, FlowState.ESTABLISHED);
    const sequence = inbox().sequence;
    tell(HEADER + inbox().length);
    const other = flowBatch(Message.LOCATE, generation(), 0, client(2, 78), 1000, FlowState.ESTABLISHED);
    inbox().sequence = sequence;
    expect<u32>(tell(other)).toBe(Status.STALE_SEQUENCE);
  });
  it("repeated after a commit: the engine is not told to retain it again", () => {
    const bytes = chunk(Table.FILTER, 0, 1, 0, 0);
    tell(bytes);
    expect<u32>(retained()).toBe(Retain.BEGIN | Retain.HOLD | Retain.CLOSE);
    expect<u32>(answer().retainKey).toBe(Table.FILTER);
    expect<u32>(tell(bytes)).toBe(Status.OK);
    expect<u32>(retained()).toBe(0);
  });
  it("refused does not use up its sequence number", () => {
    const bytes = envelope(250, 0);
    const sequence = inbox().sequence;
    tell(bytes);
    const again = bucketScan(0, 0);
    inbox().sequence = sequence;
    expect<u32>(tell(again)).toBe(Status.OK);
  });
  it("counts messages and refusals", () => {
    const messages = load<u64>(EVENT_COUNTERS + Event.MESSAGE_IN * 8);
    const refused = load<u64>(EVENT_COUNTERS + Event.MESSAGE_REFUSED * 8);
    tell(envelope(250, 0));
    expect<u64>(load<u64>(EVENT_COUNTERS + Event.MESSAGE_IN * 8)).toBe(messages + 1);
    expect<u64>(load<u64>(EVENT_COUNTERS + Event.MESSAGE_REFUSED * 8)).toBe(refused + 1);
  });
});

describe("PUT in chunks", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("takes effect with the last chunk, and not before", () => {
    const before = generation();
    const bytes = assignment(before + 1, 3, 1, NONE, NONE);
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 0, 3, 0, 50))).toBe(Status.OK);
    expect<u32>(retained()).toBe(Retain.BEGIN | Retain.HOLD);
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 1, 3, 50, 50))).toBe(Status.OK);
    expect<u32>(retained()).toBe(Retain.HOLD);
    expect<u32>(generation()).toBe(before);
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 2, 3, 100, bytes - 100))).toBe(Status.OK);
    expect<u32>(retained()).toBe(Retain.HOLD | Retain.CLOSE);
    expect<u32>(generation()).toBe(before + 1);
  });
  it("with a chunk left out: BAD_CHUNK, and the stage is gone", () => {
    const before = generation();
    const bytes = assignment(before + 1, 1, NONE, NONE, NONE);
    tell(chunk(Table.ASSIGNMENT, 0, 3, 0, 50));
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 2, 3, 100, bytes - 100))).toBe(Status.BAD_CHUNK);
    expect<u32>(answer().detail).toBe(1);
    expect<u32>(retained()).toBe(Retain.BEGIN);
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 1, 3, 50, 50))).toBe(Status.BAD_CHUNK);
    expect<u32>(generation()).toBe(before);
  });
  it("of another table in between: BAD_CHUNK", () => {
    assignment(generation() + 1, 1, NONE, NONE, NONE);
    tell(chunk(Table.ASSIGNMENT, 0, 3, 0, 50));
    expect<u32>(tell(chunk(Table.FILTER, 1, 3, 50, 50))).toBe(Status.BAD_CHUNK);
  });
  it("with a COMMIT flag that is not on the last chunk: BAD_CHUNK", () => {
    const bytes = chunk(Table.ASSIGNMENT, 0, 3, 0, 50);
    inbox().flags = <u8>EnvelopeFlag.COMMIT;
    expect<u32>(tell(bytes)).toBe(Status.BAD_CHUNK);
    const last = chunk(Table.ASSIGNMENT, 0, 1, 0, 50);
    inbox().flags = 0;
    expect<u32>(tell(last)).toBe(Status.BAD_CHUNK);
  });
  it("of no chunks: BAD_CHUNK", () => {
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 0, 0, 0, 50))).toBe(Status.BAD_CHUNK);
  });
  it("begun anew replaces what was staged", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    tell(chunk(Table.ASSIGNMENT, 0, 3, 0, 50));
    expect<u32>(putAssignment(bytes)).toBe(Status.OK);
  });
  it("lets commands pass in between", () => {
    const bytes = assignment(generation() + 1, 1, 3, NONE, NONE);
    tell(chunk(Table.ASSIGNMENT, 0, 2, 0, 50));
    expect<u32>(tell(bucketScan(0, 0))).toBe(Status.OK);
    assignment(generation() + 1, 1, 3, NONE, NONE);
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 1, 2, 50, bytes - 50))).toBe(Status.OK);
  });
  it("longer than the stage: TABLE_TOO_LARGE, with the most it takes", () => {
    const chunks = STAGE_BYTES / CHUNK_BYTES_MAX + 2;
    for (let i: u32 = 0; i < chunks - 2; i++) tell(chunk(Table.ASSIGNMENT, i, chunks, 0, CHUNK_BYTES_MAX));
    expect<u32>(tell(chunk(Table.ASSIGNMENT, chunks - 2, chunks, 0, CHUNK_BYTES_MAX))).toBe(Status.TABLE_TOO_LARGE);
    expect<u32>(answer().detail).toBe(STAGE_BYTES);
  });
  it("of no table: UNKNOWN_TABLE, and nothing is retained", () => {
    expect<u32>(tell(chunk(Table.NONE, 0, 1, 0, 0))).toBe(Status.UNKNOWN_TABLE);
    expect<u32>(retained()).toBe(Retain.BEGIN);
  });
  it("of an unknown table: UNKNOWN_TABLE", () => {
    expect<u32>(tell(chunk(99, 0, 1, 0, 8))).toBe(Status.UNKNOWN_TABLE);
    expect<u32>(answer().detail).toBe(99);
  });
  it("of a switch's table: WRONG_IMAGE", () => {
    expect<u32>(tell(chunk(Table.ROLE, 0, 1, 0, <u32>offsetof<Role>()))).toBe(Status.WRONG_IMAGE);
  });
});

describe("PUT of an assignment", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("shorter than its header: BAD_TABLE", () => {
    assignment(generation() + 1, 1, NONE, NONE, NONE);
    expect<u32>(putAssignment(4)).toBe(Status.BAD_TABLE);
  });
  it("whose length is not that of its records: BAD_TABLE, with the length expected", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    expect<u32>(putAssignment(bytes - 8)).toBe(Status.BAD_TABLE);
    expect<u32>(answer().detail).toBe(bytes);
  });
  it("of an old generation: STALE_GENERATION, with the one in force", () => {
    expect<u32>(putAssignment(assignment(generation(), 1, NONE, NONE, NONE))).toBe(Status.STALE_GENERATION);
    expect<u32>(answer().detail).toBe(generation());
  });
  it("whose buckets are no power of two, or too many: BAD_BUCKET_COUNT", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    changetype<Assignment>(TABLE).buckets = 12;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_BUCKET_COUNT);
    changetype<Assignment>(TABLE).buckets = BUCKETS_MAX * 2;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_BUCKET_COUNT);
    changetype<Assignment>(TABLE).buckets = 0;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_BUCKET_COUNT);
    expect<u32>(answer().detail).toBe(BUCKETS_MAX);
  });
  it("of another number of buckets while one is in force: NOT_IN_SERVICE", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    changetype<Assignment>(TABLE).buckets = 8;
    expect<u32>(putAssignment(bytes - 64)).toBe(Status.NOT_IN_SERVICE);
    expect<u32>(buckets()).toBe(16);
  });
  it("with too many owners: TOO_MANY_RECORDS", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    changetype<Assignment>(TABLE).owners = <u16>(OWNERS_MAX + 1);
    expect<u32>(putAssignment(bytes)).toBe(Status.TOO_MANY_RECORDS);
  });
  it("with an owner whose MAC is multicast or a redirect tag: BAD_RECORD, with its number", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    changetype<Owner>(TABLE + offsetof<Assignment>() + 5 * offsetof<Owner>()).mac = 0x01;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(5);
    changetype<Owner>(TABLE + offsetof<Assignment>() + 5 * offsetof<Owner>()).mac = 0xb1d2;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_RECORD);
  });
  it("with a history that names an unknown owner, or one twice, or has a hole: BAD_RECORD, with the bucket", () => {
    const bytes = assignment(generation() + 1, 1, NONE, NONE, NONE);
    stagedHistory(9).p1 = 99;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(9);
    stagedHistory(9).p1 = 1;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_RECORD);
    stagedHistory(9).p1 = <u16>NONE;
    stagedHistory(9).p2 = 3;
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_RECORD);
    stagedHistory(9).p2 = 0; // owner 0 has no MAC
    expect<u32>(putAssignment(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(assignmentBytes()).toBe(bytes);
  });
});

describe("PUT of an identity", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("shorter or longer than it says: BAD_TABLE", () => {
    const bytes = identity(0);
    expect<u32>(putIdentity(8)).toBe(Status.BAD_TABLE);
    expect<u32>(putIdentity(bytes + 1)).toBe(Status.BAD_TABLE);
    expect<u32>(answer().detail).toBe(bytes);
  });
  it("with more records than there is room: TOO_MANY_RECORDS", () => {
    const bytes = identity(0);
    changetype<Identity>(TABLE).localOwners = <u16>(LOCAL_OWNERS_MAX + 1);
    expect<u32>(putIdentity(bytes)).toBe(Status.TOO_MANY_RECORDS);
    identity(0);
    changetype<Identity>(TABLE).vips = <u16>(VIPS_MAX + 1);
    expect<u32>(putIdentity(bytes)).toBe(Status.TOO_MANY_RECORDS);
    identity(0);
    changetype<Identity>(TABLE).ports = 1000;
    expect<u32>(putIdentity(bytes)).toBe(Status.TOO_MANY_RECORDS);
  });
  it("with an unknown hash or a multicast VMAC: BAD_RECORD", () => {
    const bytes = identity(0);
    changetype<Identity>(TABLE).hash = 99;
    expect<u32>(putIdentity(bytes)).toBe(Status.BAD_RECORD);
    identity(0);
    changetype<Identity>(TABLE).vmac = 1;
    expect<u32>(putIdentity(bytes)).toBe(Status.BAD_RECORD);
    identity(0x80);
    expect<u32>(putIdentity(bytes)).toBe(Status.BAD_RECORD);
  });
  it("with two local owners alike, or one on the wire's port: BAD_RECORD, with its index", () => {
    const bytes = identity(0);
    const second = changetype<LocalOwner>(TABLE + offsetof<Identity>() + offsetof<LocalOwner>());
    second.owner = 1;
    expect<u32>(putIdentity(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(1);
    second.owner = 2;
    second.port = 0;
    expect<u32>(putIdentity(bytes)).toBe(Status.BAD_RECORD);
  });
  it("with another hash while an assignment is in force: NOT_IN_SERVICE", () => {
    const bytes = identity(0);
    changetype<Identity>(TABLE).hash = <u8>HashMode.MIX;
    expect<u32>(putIdentity(bytes)).toBe(Status.NOT_IN_SERVICE);
  });
  it("that gives a local index to another owner forgets the rows there", () => {
    identify(0);
    seed(1, client(1, 5), 1000, FlowState.ESTABLISHED);
    expect<u32>(stateOf(1, 1).rows).toBeGreaterThan(0);
    const bytes = identity(0);
    changetype<LocalOwner>(TABLE + offsetof<Identity>() + offsetof<LocalOwner>()).owner = 6;
    expect<u32>(putIdentity(bytes)).toBe(Status.OK);
    expect<u32>(stateOf(1, 1).rows).toBe(0);
    identify(0);
  });
  it("put again as it is changes nothing", () => {
    reply(1, client(1, 6), 1000, ACK);
    const rows = stateOf(1, 0).rows;
    identify(0);
    expect<u32>(stateOf(1, 0).rows).toBe(rows);
  });
});

describe("PUT of filters and forward entries", () => {
  it("of a length that is no number of records: BAD_TABLE", () => {
    expect<u32>(tell(chunk(Table.FILTER, 0, 1, 0, 5))).toBe(Status.BAD_TABLE);
    expect<u32>(tell(chunk(Table.FORWARD, 0, 1, 0, 5))).toBe(Status.BAD_TABLE);
  });
  it("more than there is room: TOO_MANY_RECORDS, with the room", () => {
    const filters = (FILTERS_MAX + 1) * <u32>offsetof<FilterRule>();
    memory.fill(TABLE, 0, filters);
    tell(chunk(Table.FILTER, 0, 2, 0, filters / 2));
    expect<u32>(tell(chunk(Table.FILTER, 1, 2, filters / 2, filters - filters / 2))).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(FILTERS_MAX);
    const forwards = (FORWARDS_MAX + 1) * <u32>offsetof<ForwardEntry>();
    expect<u32>(tell(chunk(Table.FORWARD, 0, 1, 0, forwards))).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(FORWARDS_MAX);
  });
  it("with a rule of no known action, or a station without a MAC: BAD_RECORD", () => {
    memory.fill(TABLE, 0, 64);
    expect<u32>(tell(chunk(Table.FILTER, 0, 1, 0, <u32>offsetof<FilterRule>()))).toBe(Status.BAD_RECORD);
    expect<u32>(tell(chunk(Table.FORWARD, 0, 1, 0, <u32>offsetof<ForwardEntry>()))).toBe(Status.BAD_RECORD);
  });
});

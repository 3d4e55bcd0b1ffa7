/** The flow table: states, what is evicted and what never is, flush, scans. */
import { Drop, Event, Verdict } from "../abi";
import { Message, Status } from "../messages";
import { generation, stateOf } from "../buckets";
import { flows } from "../flows";
import { hashKey, packetAt } from "../packet";
import { BucketFlag, FlowRow, FlowScan, FlowState } from "../commands";
import { slotAt } from "../ring";
import { FLOWS } from "../sizes";
import { tagWays } from "../ways";
import { swap16 } from "../wire/ethernet";
import { ANSWER_PAYLOAD } from "../manage/envelope";
import { assign, command, direct, identify, pass, reply, seed, setUntouched, tell } from "./support/blade";
import { ACK, FIN, RST, SYN, client } from "./support/frames";
import { NONE, answer, answerRecord, flowBatch, flowScan } from "./support/messages";
import { events, lastState } from "./support/outcome";

/** Opens `count` half-open flows from different clients of a bucket. */
function flood(bucket: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) direct(client(bucket, 0x400 + (i & 0x3ff)), 2000 + (i >>> 10), SYN);
}

function list(previousOnly: u32): u32 {
  let cursor: u32 = 0;
  let rows: u32 = 0;
  do {
    assert(tell(flowScan(cursor, previousOnly)) == Status.OK, "list");
    rows += (answer().length - <u32>offsetof<FlowScan>()) / <u32>offsetof<FlowRow>();
    cursor = changetype<FlowScan>(ANSWER_PAYLOAD).cursor;
  } while (cursor != 0);
  return rows;
}

/** Rows that any table has room for. */
const SOME: u32 = FLOWS / 16 < 40 ? FLOWS / 16 : 40;

describe("a flow's states", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("a delivered SYN makes it provisional", () => {
    direct(client(1, 1), 1000, SYN);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
  });
  it("the host's SYN+ACK makes it half-open", () => {
    reply(1, client(1, 1), 1000, SYN | ACK);
    expect<u32>(lastState(0)).toBe(FlowState.HALF_OPEN);
  });
  it("a client's segment alone does not make it established", () => {
    direct(client(1, 1), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.HALF_OPEN);
  });
  it("a host's segment makes it established", () => {
    reply(1, client(1, 1), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
  });
  it("a host's FIN makes it closing, and it stays so", () => {
    reply(1, client(1, 1), 1000, FIN | ACK);
    expect<u32>(lastState(0)).toBe(FlowState.CLOSING);
    reply(1, client(1, 1), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.CLOSING);
  });
  it("a client's FIN makes it closing", () => {
    reply(1, client(1, 2), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
    direct(client(1, 2), 1000, FIN | ACK);
    expect<u32>(lastState(0)).toBe(FlowState.CLOSING);
  });
  it("the host's RST makes it closing", () => {
    reply(1, client(1, 3), 1000, ACK);
    reply(1, client(1, 3), 1000, RST);
    expect<u32>(lastState(0)).toBe(FlowState.CLOSING);
  });
  it("a new SYN+ACK on a closing flow opens it anew: the tuple was used again", () => {
    reply(1, client(1, 3), 1000, SYN | ACK);
    expect<u32>(lastState(0)).toBe(FlowState.HALF_OPEN);
  });
  it("a seed does not undo what frames have taught", () => {
    seed(0, client(1, 2), 1000, FlowState.ESTABLISHED);
    direct(client(1, 2), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.CLOSING);
  });
  it("a seed makes a provisional flow what the socket table says", () => {
    direct(client(1, 4), 1000, SYN);
    seed(0, client(1, 4), 1000, FlowState.ESTABLISHED);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
  });
});

describe("two owners of one blade", () => {
  it("have rows of their own for the same tuple", () => {
    identify(0);
    assign(1, 2, NONE, NONE);
    reply(1, client(2, 1), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
    expect<u32>(lastState(1)).toBe(0);
    reply(2, client(2, 1), 1000, SYN | ACK);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
    expect<u32>(lastState(1)).toBe(FlowState.HALF_OPEN);
  });
});

describe("under a SYN flood at a current owner", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    for (let i: u32 = 0; i < SOME; i++) reply(1, client(3, i), 1000, ACK);
    pass(1000);
    flood(3, FLOWS * 4);
  });
  it("every established flow is still known", () => {
    let known: u32 = 0;
    for (let i: u32 = 0; i < SOME; i++) {
      direct(client(3, i), 1000, ACK);
      if (lastState(0) == FlowState.ESTABLISHED) known++;
    }
    expect<u32>(known).toBe(SOME);
  });
  it("half-open flows keep within their share of the table", () => {
    expect<u32>(flows()).toBeLessThan(FLOWS / 2 + 200);
    expect<u64>(events(Event.FLOW_EVICTED)).toBeGreaterThan(0);
  });
  it("a new connection still gets in", () => {
    direct(client(3, 50), 1001, SYN);
    reply(1, client(3, 50), 1001, SYN | ACK);
    reply(1, client(3, 50), 1001, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
  });
});

describe("rows of a previous owner's bucket", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    for (let i: u32 = 0; i < SOME; i++) seed(0, client(4, i), 1000, FlowState.CLOSING);
    assign(3, 1, NONE, NONE);
    for (let i: u32 = 0; i < FLOWS * 2; i++) seed(0, client(5, i & 0x7ff), 3000 + (i >>> 11), FlowState.ESTABLISHED);
  });
  it("are never evicted", () => {
    let known: u32 = 0;
    for (let i: u32 = 0; i < SOME; i++) {
      if (direct(client(4, i), 1000, ACK) == Verdict.DELIVER) known++;
    }
    expect<u32>(known).toBe(SOME);
  });
  it("are refused with the number that were put when there is no room, and counted", () => {
    let refused: u32 = 0;
    for (let i: u32 = 0; i < 64; i++) {
      if (seed(0, client(5, i), 9000, FlowState.ESTABLISHED) == Status.OUT_OF_ROOM) refused++;
      expect<u32>(answer().detail).toBeLessThan(2);
    }
    expect<u32>(refused).toBeGreaterThan(0);
    expect<u64>(events(Event.FLOW_OVERFLOW)).toBeGreaterThan(0);
  });
  it("can be evicted again when the owner has left the history", () => {
    assign(3, NONE, NONE, NONE);
    assign(1, NONE, NONE, NONE);
    for (let i: u32 = 0; i < 64; i++) {
      expect<u32>(seed(0, client(5, i), 9001, FlowState.ESTABLISHED)).toBe(Status.OK);
    }
  });
});

describe("a pinned bucket of a current owner", () => {
  it("is not evicted; unpinned, it is", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    for (let i: u32 = 0; i < SOME; i++) seed(0, client(6, i), 1000, FlowState.CLOSING);
    command(Message.PIN, 0, 6);
    for (let i: u32 = 0; i < FLOWS * 2; i++) seed(0, client(5, i & 0x7ff), 3000 + (i >>> 11), FlowState.ESTABLISHED);
    expect<u32>(stateOf(6, 0).rows).toBeGreaterThan(SOME - 1);
    const pinned = stateOf(6, 0).rows;
    command(Message.UNPIN, 0, 6);
    for (let i: u32 = 0; i < FLOWS * 2; i++) seed(0, client(7, i & 0x7ff), 3000 + (i >>> 11), FlowState.ESTABLISHED);
    expect<u32>(stateOf(6, 0).rows).toBeLessThan(pinned);
  });
});

describe("a dead row", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("is removed when it was not touched for long enough", () => {
    reply(1, client(8, 1), 1000, FIN | ACK);
    pass(500);
    const bytes = flowBatch(Message.REMOVE, generation(), 0, client(8, 1), 1000, FlowState.CLOSING);
    setUntouched(500);
    expect<u32>(tell(bytes)).toBe(Status.OK);
    expect<u32>(answer().detail).toBe(1);
    direct(client(8, 1), 1000, ACK);
    expect<u32>(lastState(0)).toBe(0);
  });
  it("is kept when a frame has just touched it", () => {
    reply(1, client(8, 2), 1000, FIN | ACK);
    pass(400);
    direct(client(8, 2), 1000, ACK);
    pass(499);
    const bytes = flowBatch(Message.REMOVE, generation(), 0, client(8, 2), 1000, FlowState.CLOSING);
    setUntouched(500);
    expect<u32>(tell(bytes)).toBe(Status.OK);
    expect<u32>(answer().detail).toBe(0);
    direct(client(8, 2), 1000, ACK);
    expect<u32>(lastState(0)).toBe(FlowState.CLOSING);
  });
});

describe("a flush", () => {
  it("empties a bucket at once, and no other", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    seed(0, client(9, 1), 1000, FlowState.CLOSING);
    seed(0, client(10, 1), 1000, FlowState.CLOSING);
    assign(3, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 9);
    const others = stateOf(10, 0).rows;
    expect<u32>(command(Message.SEAL, 0, 9)).toBe(Status.OK);
    expect<u32>(stateOf(9, 0).rows).toBe(0);
    expect<u32>(stateOf(10, 0).rows).toBe(others);
    direct(client(9, 1), 1000, ACK);
    expect<u32>(lastState(0)).toBe(0);
  });
});

describe("an epoch that comes round again", () => {
  it("brings no flushed row back", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    seed(0, client(9, 7), 1000, FlowState.CLOSING);
    assign(3, 1, NONE, NONE);
    for (let i: u32 = 0; i < 0x10000; i++) {
      command(Message.COMPLETE, 0, 9);
      command(Message.SEAL, 0, 9);
      command(Message.UNSEAL, 0, 9);
    }
    direct(client(9, 7), 1000, ACK);
    expect<u32>(lastState(0)).toBe(0);
  });
});

describe("rows of an owner that leaves a history", () => {
  it("are gone: it is cut off, and others may open the same flows", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    seed(0, client(11, 3), 1000, FlowState.ESTABLISHED);
    assign(3, 1, NONE, NONE);
    expect<u32>(direct(client(11, 3), 1000, ACK)).toBe(Verdict.DELIVER);
    assign(3, NONE, NONE, NONE);
    expect<u32>(direct(client(11, 3), 1000, ACK)).toBe(Verdict.REDIRECT);
    expect<u32>(stateOf(11, 0).rows).toBe(0);
  });
  it("are not made anew by what its host still sends", () => {
    reply(1, client(11, 3), 1000, ACK);
    reply(1, client(11, 4), 1000, SYN | ACK);
    expect<u32>(stateOf(11, 0).rows).toBe(0);
    expect<u32>(direct(client(11, 3), 1000, ACK)).toBe(Verdict.REDIRECT);
    expect<u32>(direct(client(11, 4), 1000, ACK)).toBe(Verdict.REDIRECT);
  });
});

describe("rows of an owner that comes back into a history", () => {
  it("are gone: while it was out, their flows may have been opened elsewhere", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    seed(0, client(11, 1), 1000, FlowState.ESTABLISHED);
    assign(3, NONE, NONE, NONE);
    seed(0, client(11, 1), 1000, FlowState.ESTABLISHED);
    assign(1, 3, NONE, NONE);
    expect<u32>(direct(client(11, 1), 1000, ACK)).toBe(Verdict.REDIRECT);
    expect<u32>(stateOf(11, 0).rows).toBe(0);
  });
  it("are counted: inserted ones are there, evicted or removed", () => {
    const gone = events(Event.FLOW_EVICTED) + events(Event.FLOW_REMOVED);
    expect<u64>(events(Event.FLOW_INSERTED) - gone).toBe(flows());
  });
});

/** Lets the host teach flows of a bucket until one finds no room. */
function overflow(bucket: u32): void {
  const overflows = events(Event.FLOW_OVERFLOW);
  for (let i: u32 = 0; i < 4 * FLOWS; i++) {
    if (events(Event.FLOW_OVERFLOW) != overflows) break;
    reply(1, client(bucket, 0x400 + (i & 0x3ff)), 2000 + (i >>> 10), ACK);
  }
  expect<u64>(events(Event.FLOW_OVERFLOW)).toBe(overflows + 1);
}

describe("a host's flow without room at a previous owner", () => {
  it("takes completeness, seal and opening from its bucket, and from no other", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    assign(3, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 12);
    command(Message.COMPLETE, 0, 13);
    command(Message.SEAL, 0, 13);
    command(Message.UNSEAL, 0, 14);
    // A large table takes long to fill.
    if (FLOWS > 0x10000) return;
    overflow(12);
    direct(client(12, 1), 1000, ACK);
    expect<u32>(slotAt(0).drop).toBe(Drop.NOT_COMPLETE);
    expect<u32>(stateOf(13, 0).flags).toBe(BucketFlag.SEALED);
    overflow(13);
    expect<u32>(stateOf(13, 0).flags).toBe(0);
    expect<u32>(stateOf(14, 0).flags).toBe(BucketFlag.OPEN);
    overflow(14);
    expect<u32>(stateOf(14, 0).flags).toBe(0);
    assign(3, NONE, NONE, NONE);
    assign(1, NONE, NONE, NONE);
  });
});

describe("a scan", () => {
  it("lists every row once, over as many messages as it takes", () => {
    expect<u32>(list(0)).toBe(flows());
  });
  it("lists only previous owners' rows when asked", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    seed(0, client(3, 1), 1000, FlowState.ESTABLISHED);
    const all = list(0);
    expect<u32>(list(1)).toBe(0);
    assign(3, 1, NONE, NONE);
    expect<u32>(list(1)).toBeGreaterThan(0);
    expect<u32>(list(1)).toBeLessThan(all + 1);
  });
  it("tells a row's client, owner, state and age", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    reply(1, client(11, 1), 0x1234, ACK);
    pass(70);
    let cursor: u32 = 0;
    let found: u32 = 0;
    do {
      tell(flowScan(cursor, 0));
      cursor = changetype<FlowScan>(ANSWER_PAYLOAD).cursor;
      const rows = (answer().length - <u32>offsetof<FlowScan>()) / <u32>offsetof<FlowRow>();
      for (let i: u32 = 0; i < rows; i++) {
        const row = answerRecord<FlowRow>(offsetof<FlowScan>(), i);
        if (row.clientPort != <u16>swap16(0x1234)) continue;
        found++;
        expect<u32>(row.bucket).toBe(11);
        expect<u32>(row.owner).toBe(0);
        expect<u32>(row.state).toBe(FlowState.ESTABLISHED);
        expect<u32>(row.untouchedMs).toBe(70);
      }
    } while (cursor != 0);
    expect<u32>(found).toBe(1);
  });
});

describe("a way's tag", () => {
  it("is matched exactly, whatever its neighbours are", () => {
    const tags = memory.data(16, 16);
    for (let way: u32 = 0; way < 8; way++) {
      memory.fill(tags, 0, 16);
      store<u16>(tags + way * 2, 0x8001);
      expect<u32>(tagWays(tags, 0x8001)).toBe(1 << way);
      expect<u32>(tagWays(tags, 0)).toBe(0xff & ~(1 << way));
      expect<u32>(tagWays(tags, 0x8000)).toBe(0);
    }
    memory.fill(tags, 0xff, 16);
    expect<u32>(tagWays(tags, 0xffff)).toBe(0xff);
  });
  it("of a key depends on every field", () => {
    const key = packetAt(0);
    key.client = 1;
    key.vip = 2;
    key.clientPort = 3;
    key.vipPort = 4;
    key.protocol = 6;
    hashKey(key);
    const hash = key.hash;
    key.clientPort = 4;
    hashKey(key);
    expect<u32>(key.hash).not.toBe(hash);
    key.clientPort = 3;
    key.protocol = 17;
    hashKey(key);
    expect<u32>(key.hash).not.toBe(hash);
    expect<u32>(Drop.NONE).toBe(0);
  });
});

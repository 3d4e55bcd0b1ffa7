/** PUT of table CID: what is refused, and that it changes nothing. */
import { Status, Table } from "../messages";
import { CidTable, Service } from "../records";
import { RedirectKind } from "../redirect";
import { SERVER_IDS_MAX } from "../sizes";
import { assign, identify, tell } from "./support/blade";
import {
  CONFIG,
  HEADER,
  NONCE_BYTES,
  SERVER_ID,
  SHORT,
  configAt,
  direct,
  idOf,
  putTable,
  serve,
  serverIdAt,
  stageConfig,
  stageHeader,
  stageServerId,
  stageService,
} from "./support/cid";
import { client } from "./support/frames";
import { NONE, TABLE, answer, chunk } from "./support/messages";
import { expectDelivered, expectRedirected } from "./support/outcome";

/** Stages a right table of one configuration and two server ids, for one thing to be made wrong. */
function stageSmall(): void {
  stageHeader(1, 2);
  stageConfig(0, 1, 2, NONCE_BYTES);
  stageServerId(1, 0, 1, 1);
  stageServerId(1, 1, 1, 2);
}

function expectRefused(status: u32, detail: u32): void {
  expect<u32>(putTable(1, 2)).toBe(status);
  expect<u32>(answer().detail).toBe(detail);
}

describe("table CID", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    serve();
  });
  it("is taken whole", () => {
    stageSmall();
    expect<u32>(putTable(1, 2)).toBe(Status.OK);
    serve();
  });
  it("is refused when a configuration has a number that there is not, or lengths that do not fit", () => {
    stageSmall();
    configAt(0).config = 7;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).serverIdBytes = 0;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).nonceBytes = 3;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).nonceBytes = 18;
    expectRefused(Status.BAD_RECORD, 0);
  });
  it("is refused with a key that is not used, an unknown flag, or anything in a reserved place", () => {
    stageSmall();
    configAt(0).keyHigh = 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).flags = 2;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).reserved = 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    changetype<CidTable>(TABLE).reserved = 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    serverIdAt(1, 1).owner = 1;
    expectRefused(Status.BAD_RECORD, 1);
  });
  it("is refused when a configuration or a server id is there twice, or out of order", () => {
    stageHeader(2, 0);
    stageConfig(0, 1, 2, NONCE_BYTES);
    stageConfig(1, 1, 3, NONCE_BYTES);
    expect<u32>(putTable(2, 0)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(1);
    stageSmall();
    stageServerId(1, 1, 1, 1);
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    stageServerId(1, 0, 1, 3);
    expectRefused(Status.BAD_RECORD, 1);
  });
  it("is refused when a server id is of no configuration, longer than it says, or no station's", () => {
    stageSmall();
    stageServerId(1, 1, 2, 2);
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    serverIdAt(1, 1).key |= 1 << 24;
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    serverIdAt(1, 1).keyHigh = 1;
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    serverIdAt(1, 0).mac |= 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    serverIdAt(1, 0).mac = 0;
    serverIdAt(1, 0).macHigh = 0;
    expectRefused(Status.BAD_RECORD, 0);
  });
  it("is refused when it has another length than it says, or more than there is room for", () => {
    stageSmall();
    expect<u32>(tell(chunk(Table.CID, 0, 1, 0, HEADER - 1))).toBe(Status.BAD_TABLE);
    expect<u32>(answer().detail).toBe(HEADER);
    expect<u32>(putTable(1, 1)).toBe(Status.BAD_TABLE);
    expect<u32>(answer().detail).toBe(HEADER + CONFIG + 2 * SERVER_ID);
    stageHeader(8, 0);
    expect<u32>(putTable(8, 0)).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(7);
    stageHeader(0, 0);
    changetype<CidTable>(TABLE).serverIds = <u16>(SERVER_IDS_MAX + 1);
    expect<u32>(putTable(0, 0)).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(SERVER_IDS_MAX);
  });
  it("is what it was when another one is refused", () => {
    expectRedirected(direct(client(6, 1), 4000, SHORT, idOf(3)), RedirectKind.RESTEER, 3);
  });
  it("forgets what the one before had", () => {
    stageHeader(0, 0);
    expect<u32>(putTable(0, 0)).toBe(Status.OK);
    expectDelivered(direct(client(6, 2), 4000, SHORT, idOf(3)), 1);
    serve();
  });
  it("is of UDP services only", () => {
    const bytes = stageService();
    changetype<Service>(TABLE).protocol = 132;
    expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, bytes))).toBe(Status.BAD_RECORD);
    stageService();
    changetype<Service>(TABLE).idleMs = 0;
    expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, bytes))).toBe(Status.BAD_RECORD);
  });
});

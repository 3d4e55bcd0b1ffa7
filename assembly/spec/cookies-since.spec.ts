/** An image that was there before the first SYN cookie was sent, and one of which nobody knows whether it was. */
import { BucketFlag, BucketRow, BucketScan } from "../commands";
import { COOKIE_MS } from "../cookies";
import { ANSWER_PAYLOAD } from "../manage/envelope";
import { Message, Status, Table } from "../messages";
import { IdentityFlag } from "../records";
import { assign, command, identify, pass, tell } from "./support/blade";
import { bucketScan, chunk, identity, NONE } from "./support/messages";

const BUCKET: u32 = 3;
const AGE_S: u32 = 10;

function loses(): bool {
  assert(tell(bucketScan(0, BUCKET)) == Status.OK, "buckets");
  return (changetype<BucketRow>(ANSWER_PAYLOAD + offsetof<BucketScan>()).flags & BucketFlag.COOKIES_LOST) != 0;
}

describe("an image that has an assignment", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    pass(AGE_S * 1000);
    assign(3, 1, NONE, NONE);
    command(Message.UNSEAL, 0, BUCKET);
  });
  it("has lost no cookie when none was sent before", () => {
    identify(IdentityFlag.COOKIES, AGE_S);
    expect<bool>(loses()).toBe(false);
  });
  it("may have lost one that was sent before", () => {
    identify(IdentityFlag.COOKIES, AGE_S + 1);
    expect<bool>(loses()).toBe(true);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.COOKIES_LOST);
  });
  it("may have lost one when nobody knows, until that has run out", () => {
    identify(IdentityFlag.COOKIES, 255);
    expect<bool>(loses()).toBe(true);
    pass(COOKIE_MS - AGE_S * 1000 - 1);
    expect<bool>(loses()).toBe(true);
    pass(1);
    expect<bool>(loses()).toBe(false);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.OK);
  });
  it("refuses to be told since when where there are none", () => {
    expect<u32>(tell(chunk(Table.IDENTITY, 0, 1, 0, identity(0, 1)))).toBe(Status.BAD_RECORD);
  });
});

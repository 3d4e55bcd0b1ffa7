/** An image that is started anew while SYN cookies are out: its first identity says so. */
import { Message, Status } from "../messages";
import { COOKIE_MS } from "../cookies";
import { IdentityFlag } from "../records";
import { assign, command, identify, pass, tell } from "./support/blade";
import { envelope, NONE } from "./support/messages";

const BUCKET: u32 = 3;

describe("an image that begins while cookies are out", () => {
  it("calls no table complete before they have run out", () => {
    expect<u32>(tell(envelope(Message.HELLO, 0))).toBe(Status.OK);
    identify(IdentityFlag.COOKIES);
    assign(3, 1, NONE, NONE);
    pass(500);
    expect<u32>(command(Message.UNSEAL, 0, BUCKET)).toBe(Status.OK);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.COOKIES_LOST);
    pass(COOKIE_MS - 500 - 1);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.COOKIES_LOST);
  });
  it("and does when they have", () => {
    pass(1);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.OK);
  });
});

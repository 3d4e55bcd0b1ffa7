import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { DobbsError } from "../../host/errors.ts";
import type { Clock } from "../../host/management/channel.ts";
import { ManagementSession, type OnResult, type Result } from "../../host/management/session.ts";
import { ShimChannel } from "../../host/shim/shim-channel.ts";
import { encodeError } from "../../host/transport/error-frame.ts";
import { FRAME_KIND } from "../../host/transport/frame.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { temporaryFolder, until } from "../transport/support.ts";
import { bundleOf, FakeShim } from "./fake-shim.ts";
import { identityOf, realClock, spreadAssignment } from "./programming.ts";

const folder = temporaryFolder();
const BLADE = bundleOf("emulated", "blade");
const TINY = bundleOf("tiny", "blade");
let sockets = 0;
const fresh = (): LinkWord => ({ kind: "unix", path: join(folder, `${sockets++}.sock`) });
const clock: Clock = realClock;

/** A shim, a channel to it, and what the channel told. */
async function setUp(options: { answerMs?: number; start?: boolean } = {}) {
  const shim = new FakeShim(fresh(), BLADE);
  if (options.start !== false) await shim.start();
  const told: string[] = [];
  const channel = new ShimChannel({
    word: shim.word,
    credentials: null,
    answerMs: options.answerMs,
    onLayout: (_, { board }) => told.push(`layout ${board}`),
    onConnect: () => told.push("connect"),
    onDisconnect: () => told.push("disconnect"),
    onProblem: ({ code }) => told.push(code),
  });
  after(() => channel.close());
  const connected = () => until("the channel is up", () => channel.connected);
  return { shim, channel, told, connected };
}

function asked<T>(ask: (onResult: OnResult<T>) => void): Promise<Result<T>> {
  return new Promise((resolve) => ask(resolve));
}

describe("the channel to a shim", () => {
  test("asks for the image first, and then carries a session's messages", async () => {
    const { shim, channel, told, connected } = await setUp();
    assert.throws(() => channel.layout, /not answered yet/);
    await connected();
    assert.deepEqual(told, ["layout emulated", "connect"]);
    assert.equal(shim.asked[0], FRAME_KIND.IMAGE);
    assert.deepEqual(channel.layout.regions(), shim.firmware.layout.regions());
    assert.deepEqual(channel.layout.region("FLOW"), shim.firmware.layout.region("FLOW"));
    const session = new ManagementSession(clock, channel);
    assert.ok((await asked<null>((on) => session.putIdentity(identityOf("blade"), on))).ok);
    assert.ok((await asked<null>((on) => session.putAssignment(spreadAssignment(7), on))).ok);
    const hello = await asked((on: OnResult<{ buckets: number }>) => session.hello(on));
    assert.ok(hello.ok && hello.generation === 7 && hello.value.buckets === 256);
  });

  test("drops requests while there is no shim, and is there again when it is, with an equal layout", async () => {
    const { shim, channel, told, connected } = await setUp();
    await connected();
    const { layout } = channel;
    const session = new ManagementSession(clock, channel, { answerMs: 20, attempts: 3 });
    await shim.stop();
    await until("it has noticed", () => !channel.connected);
    const lost = await asked((on) => session.hello(on));
    assert.ok(!lost.ok && lost.refusal.status === "NO_ANSWER");
    await shim.start();
    await connected();
    // It may have been started anew: what was meant for the one before is not said to this one.
    assert.notEqual(channel.layout, layout);
    assert.deepEqual(channel.layout, layout);
    assert.deepEqual(told.filter((what) => !what.startsWith("E_")), ["layout emulated", "connect", "disconnect", "connect"]);
    assert.ok((await asked((on) => session.hello(on))).ok);
  });

  test("speaks with another image by its own layout, and ends what was meant for the old one", async () => {
    const { shim, channel, told, connected } = await setUp();
    await connected();
    const session = new ManagementSession(clock, channel, { answerMs: 20, attempts: 200 });
    let stuck = true;
    shim.intercept = ({ kind }) => stuck && kind === FRAME_KIND.MESSAGE;
    const meantForTheOldOne = asked<null>((on) => session.putIdentity(identityOf("blade"), on));
    await until("it was asked", () => shim.asked.includes(FRAME_KIND.MESSAGE));
    shim.swap(TINY);
    stuck = false;
    const result = await meantForTheOldOne;
    assert.ok(!result.ok && result.refusal.status === "NO_ANSWER");
    await until("the new layout is known", () => told.includes("layout tiny"));
    assert.equal(channel.bundle?.board, "tiny");
    assert.deepEqual(channel.layout.region("FLOW"), shim.firmware.layout.region("FLOW"));
    const hello = await asked((on: OnResult<{ kind: string }>) => session.hello(on));
    assert.ok(hello.ok && hello.value.kind === "blade");
  });

  test("gives each answer to who asked for it, also when one request trapped the image", async () => {
    const { shim, channel, told, connected } = await setUp();
    await connected();
    const trapped = new DobbsError("E_IMAGE_TRAPPED", "the image trapped", "Send another message.", 1);
    shim.intercept = ({ kind, payload }, link) => {
      if (kind !== FRAME_KIND.MESSAGE) return false;
      if (payload[0] === 2) link.send(FRAME_KIND.ERROR, encodeError(trapped));
      else link.send(FRAME_KIND.MESSAGE, payload);
      return true;
    };
    const answers: string[] = [];
    for (const number of [1, 2, 3]) channel.request(Uint8Array.of(number), (answer) => answers.push(`${number}: ${answer[0]}`));
    await until("the third is answered", () => answers.includes("3: 3"));
    assert.deepEqual(answers, ["1: 1", "3: 3"]);
    assert.deepEqual(told, ["layout emulated", "connect", "E_IMAGE_TRAPPED"]);
    assert.equal(channel.connected, true);
  });

  test("connects anew to a shim that does not answer, and does not queue without end for it", async () => {
    const { shim, channel, told, connected } = await setUp({ answerMs: 300 });
    await connected();
    let silent = true;
    shim.intercept = ({ kind }) => silent && kind === FRAME_KIND.MESSAGE;
    for (let n = 0; n < 1000; n++) channel.request(Uint8Array.of(1), () => assert.fail("nobody answers"));
    await until("the link is given up", () => told.includes("E_LINK_TIMEOUT"));
    assert.ok(shim.asked.filter((kind) => kind === FRAME_KIND.MESSAGE).length <= 64);
    silent = false;
    await connected();
    const session = new ManagementSession(clock, channel);
    assert.ok((await asked((on) => session.hello(on))).ok);
  });

  const wrong: [what: string, change: (image: Record<string, unknown>) => unknown, code: string][] = [
    ["no JSON", () => undefined, "E_LINK_PAYLOAD"],
    ["no constants", (image) => ({ ...image, constants: [] }), "E_LINK_PAYLOAD"],
    ["a constant that is no i32", (image) => ({ ...image, constants: { ABI_VERSION: 2 ** 31 } }), "E_LINK_PAYLOAD"],
    ["no descriptor", (image) => ({ ...image, descriptor: 1 }), "E_LINK_PAYLOAD"],
    ["a descriptor that is cut off", (image) => ({ ...image, descriptor: "AAAA" }), "E_IMAGE_REGION"],
    ["a memory that has no room for its tables", (image) => ({ ...image, memoryBytes: 65_536 }), "E_IMAGE_REGION"],
    ["another kind of thing", (image) => ({ ...image, bundle: { ...(image.bundle as object), kind: "router" } }), "E_LINK_PAYLOAD"],
    ["another ABI", (image) => ({ ...image, constants: { ...(image.constants as object), ABI_VERSION: 99 } }), "E_IMAGE_ABI"],
    ["a field of a width that there is not", (image) => ({ ...image, constants: { ...(image.constants as object), "Region.id": 3 << 16 } }), "E_LINK_PAYLOAD"],
    ["names missing", (image) => ({ ...image, constants: { ABI_VERSION: 2 } }), "E_IMAGE_NAME"],
  ];
  for (const [what, change, code] of wrong) {
    test(`is not there when the shim's image is described with ${what}`, async () => {
      const { shim, channel, told } = await setUp({ start: false });
      shim.intercept = ({ kind }, link) => {
        const answer = JSON.stringify(change(shim.image() as Record<string, unknown>)) ?? "{";
        return link.send(kind, Buffer.from(answer));
      };
      await shim.start();
      await until("it has said why", () => told.includes(code));
      assert.equal(channel.connected, false);
      assert.deepEqual(told.filter((one) => one !== "E_LINK_CONNECT"), [code]);
      shim.intercept = () => false;
      await until("it is there when the shim says it right", () => channel.connected);
    });
  }

  test("does not take an answer of another kind for its own", async () => {
    const { shim, channel, told, connected } = await setUp();
    await connected();
    shim.intercept = ({ kind }, link) => kind === FRAME_KIND.MESSAGE && link.send(FRAME_KIND.STATUS, Buffer.from("{}"));
    channel.request(Uint8Array.of(1), () => assert.fail("that is no answer"));
    await until("the link is given up", () => told.includes("E_LINK_KIND"));
  });

  test("does not take what nobody asked for", async () => {
    const { shim, told, connected } = await setUp();
    await connected();
    shim.links[0]!.send(FRAME_KIND.MESSAGE, Uint8Array.of(1));
    await until("the link is given up", () => told.includes("E_LINK_KIND"));
  });

  test("is silent once it was closed", async () => {
    const { shim, channel, told, connected } = await setUp();
    await connected();
    channel.close();
    channel.request(Uint8Array.of(1), () => assert.fail("it is closed"));
    await until("the link is gone", () => shim.links.length === 0);
    assert.deepEqual(told, ["layout emulated", "connect", "disconnect"]);
  });
});

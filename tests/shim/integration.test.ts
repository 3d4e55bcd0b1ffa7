/** The client's side of the management channel against the real shim. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import type { NodeHello } from "../../host/management/commands.ts";
import { ManagementSession, type OnResult, type Result } from "../../host/management/session.ts";
import type { FlashResult, ShimStatus } from "../../host/shim/answers.ts";
import { ShimChannel } from "../../host/shim/shim-channel.ts";
import { flashShim, type OnShimResult, type ShimAddress, type ShimAnswer, shimStatus } from "../../host/shim/shim-client.ts";
import { connectLink } from "../../host/transport/connect.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import { encodeFrame, FRAME_KIND } from "../../host/transport/frame.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { Keys, RawStream, temporaryFolder, until } from "../transport/support.ts";
import { bundleOf } from "./fake-shim.ts";
import { identityOf, realClock, spreadAssignment } from "./programming.ts";
import { noShim, RealShim } from "./real-shim.ts";

const folder = temporaryFolder();
const keysFolder = temporaryFolder();
const NEEDS_SHIM = { skip: noShim };
let names = 0;

function bundleFile(bytes: Uint8Array = bundleOf("emulated", "blade")): string {
  const path = join(folder, `${names++}.bundle`);
  writeFileSync(path, bytes);
  return path;
}

const asked = <T>(ask: (onResult: OnResult<T>) => void): Promise<Result<T>> => new Promise((resolve) => ask(resolve));
const answered = <T>(ask: (onResult: OnShimResult<T>) => void): Promise<ShimAnswer<T>> => new Promise((resolve) => ask(resolve));

async function statusOf(address: ShimAddress): Promise<ShimStatus> {
  const status = await answered<ShimStatus>((on) => shimStatus(address, on));
  assert.ok(status.ok, status.ok ? "" : status.problem.message);
  return status.value;
}

/** A channel, what it told, and a session over it. */
function open(word: LinkWord, credentials: Credentials | null = null) {
  const told: string[] = [];
  const channel = new ShimChannel({
    word,
    credentials,
    onLayout: (_, { board }) => told.push(`layout ${board}`),
    onConnect: ({ version }) => told.push(`connect ${version}`),
    onProblem: ({ code }) => told.push(code),
  });
  after(() => channel.close());
  return { channel, told, connected: () => until("the channel is up", () => channel.connected) };
}

async function program(session: ManagementSession, generation: number): Promise<void> {
  for (const put of [
    (on: OnResult<null>) => session.putIdentity(identityOf("blade"), on),
    (on: OnResult<null>) => session.putAssignment(spreadAssignment(generation), on),
  ]) {
    const result = await asked(put);
    assert.ok(result.ok, result.ok ? "" : result.refusal.text);
  }
}

async function generationOf(session: ManagementSession): Promise<number> {
  const hello = await asked<NodeHello>((on) => session.hello(on));
  assert.ok(hello.ok, hello.ok ? "" : hello.refusal.text);
  return hello.generation;
}

describe("the real shim", () => {
  test("is programmed, killed with -9, started again, and programmed again over the same channel", NEEDS_SHIM, async () => {
    const unix = `unix:${join(folder, "killed.sock")}`;
    const args = ["--firmware", bundleFile(), "--name", "ardsley", "--link", unix];
    const first = await RealShim.start(...args);
    const { channel, told, connected } = open(first.link("unix"));
    await connected();
    const { layout } = channel;
    const session = new ManagementSession(realClock, channel);
    await program(session, 5);
    assert.equal(await generationOf(session), 5);

    await first.stop("SIGKILL");
    await until("the channel has noticed", () => !channel.connected);
    const lost = await asked<NodeHello>((on) => session.hello(on));
    assert.ok(!lost.ok && lost.refusal.status === "NO_ANSWER");

    const second = await RealShim.start(...args);
    await connected();
    assert.notEqual(channel.layout, layout, "what is under way ends: half of it is lost");
    assert.deepEqual(channel.layout, layout);
    assert.equal(await generationOf(session), 0, "it is empty, and says so");
    await program(session, 6);
    assert.equal(await generationOf(session), 6);
    assert.deepEqual(told.filter((what) => !what.startsWith("E_")), ["layout emulated", "connect 0.1.0", "connect 0.1.0"]);
    await second.stop("SIGTERM");
  });

  test("takes another bundle while it runs: with the same layout it keeps its tables, with another it loses them", NEEDS_SHIM, async () => {
    const shim = await RealShim.start("--firmware", bundleFile(), "--name", "ardsley", "--link", `unix:${join(folder, "flashed.sock")}`);
    const address: ShimAddress = { word: shim.link("unix"), credentials: null };
    const { channel, told, connected } = open(address.word);
    await connected();
    const session = new ManagementSession(realClock, channel);
    await program(session, 9);

    const newer = bundleOf("emulated", "blade", "0.2.0");
    const kept = await answered<FlashResult>((on) => flashShim(address, newer, {}, on));
    assert.ok(kept.ok, kept.ok ? "" : kept.problem.message);
    assert.equal(kept.value.tables, "kept");
    assert.equal(kept.value.bundle.digest, Buffer.from(newer.subarray(-32)).toString("hex"));
    await until("the channel is there again", () => told.includes("connect 0.2.0"));
    assert.equal(await generationOf(session), 9);
    assert.equal((await statusOf(address)).swaps, 1);

    const lost = await answered<FlashResult>((on) => flashShim(address, bundleOf("tiny", "blade"), {}, on));
    assert.ok(lost.ok && lost.value.tables === "lost");
    await until("the new layout is known", () => told.includes("layout tiny"));
    assert.equal(await generationOf(session), 0);
    await program(session, 10);
    assert.equal(await generationOf(session), 10);
    assert.equal((await statusOf(address)).bundle.board, "tiny");
    await shim.stop("SIGTERM");
  });

  test("refuses a bundle that is damaged, or for a switch, and runs on", NEEDS_SHIM, async () => {
    const shim = await RealShim.start("--firmware", bundleFile(), "--name", "ardsley", "--link", `unix:${join(folder, "refuses.sock")}`);
    const address: ShimAddress = { word: shim.link("unix"), credentials: null };
    const before = await statusOf(address);
    const damaged = bundleOf("emulated", "blade");
    damaged[3000] = damaged[3000]! ^ 1;
    for (const [bytes, code] of [[damaged, "E_BUNDLE_DIGEST"], [bundleOf("emulated", "switch"), "E_BUNDLE_KIND"]] as const) {
      const refused = await answered<FlashResult>((on) => flashShim(address, bytes, {}, on));
      assert.ok(!refused.ok && refused.problem.code === code, refused.ok ? "it was taken" : refused.problem.message);
    }
    const now = await statusOf(address);
    assert.deepEqual([now.bundle, now.swaps], [before.bundle, 0]);
    await shim.stop("SIGTERM");
  });

  test("refuses frames with the codes that this side has", NEEDS_SHIM, async () => {
    const path = join(folder, "frames.sock");
    const shim = await RealShim.start("--firmware", bundleFile(), "--name", "ardsley", "--link", `unix:${path}`);
    const status = (sequence: number): Uint8Array => encodeFrame(FRAME_KIND.STATUS, sequence, new Uint8Array(0));
    const cases: [Uint8Array, string][] = [
      [Buffer.from("GET / HTTP/1.1\r\n\r\n"), "E_LINK_MAGIC"],
      [status(1), "E_LINK_SEQUENCE"],
      [encodeFrame(FRAME_KIND.PEER, 2, Buffer.from("{}")), "E_LINK_KIND"],
      [encodeFrame(FRAME_KIND.STATUS, 2, Buffer.from("{}")), "E_LINK_PAYLOAD"],
      [encodeFrame(FRAME_KIND.MESSAGE, 2, Buffer.alloc(128 * 1024 + 1)), "E_LINK_LENGTH"],
    ];
    for (const [bad, code] of cases) {
      const { refusal, frames } = await RawStream.unix(path).send(status(1), bad).ended;
      assert.equal(refusal, code);
      assert.equal(frames[0]!.kind, FRAME_KIND.STATUS, "what came before was answered");
    }
    await shim.stop("SIGTERM");
  });
});

describe("the real shim over TLS", () => {
  let word: LinkWord & { kind: "tls" };
  const held: Record<string, Credentials> = {};

  before(async () => {
    if (noShim) return;
    const keys = await Keys.make(keysFolder);
    await keys.issue("shim", "ardsley", ["127.0.0.1"]);
    held.manager = await keys.issue("manager", "ops");
    held.blade = await keys.issue("blade", "ardsley");
    held.otherBlade = await keys.issue("blade", "dobbs-ferry");
    held.otherShim = await keys.issue("shim", "dobbs-ferry");
    const own = join(keysFolder, "shim-ardsley");
    const shim = await RealShim.start(
      ...["--firmware", bundleFile(), "--name", "ardsley", "--link", "tls:127.0.0.1:0"],
      ...["--tls-ca", join(keysFolder, "ca.pem"), "--tls-cert", `${own}.pem`, "--tls-key", `${own}.key`],
    );
    word = shim.link("tls") as LinkWord & { kind: "tls" };
  });
  test("is programmed and asked by its own blade's traffic manager and by operators", NEEDS_SHIM, async () => {
    const { channel, connected } = open(word, held.blade);
    await connected();
    const session = new ManagementSession(realClock, channel);
    await program(session, 3);
    assert.equal(await generationOf(session), 3);
    assert.equal((await statusOf({ word: { ...word, node: "ardsley" }, credentials: held.manager! })).name, "ardsley");
  });

  test("does not let in another blade's traffic manager, or another shim", NEEDS_SHIM, async () => {
    for (const who of ["otherBlade", "otherShim"]) {
      const { channel, told } = open(word, held[who]);
      await until("it was told why", () => told.includes("E_LINK_PEER"));
      assert.equal(channel.connected, false);
      channel.close();
    }
  });

  test("is not taken for another one by its clients", NEEDS_SHIM, async () => {
    const problem = await new Promise<DobbsError>((resolve, reject) =>
      connectLink({ ...word, node: "dobbs-ferry" }, held.manager!, {
        serverRole: "shim",
        kinds: [FRAME_KIND.ERROR],
        maxPayload: 1000,
        onOpen: () => reject(new Error("it is open")),
        onFail: resolve,
      }),
    );
    assert.equal(problem.code, "E_LINK_PEER");
  });

  test("does not speak with who has no certificate, one of another CA, or TLS 1.2", NEEDS_SHIM, async () => {
    const status = encodeFrame(FRAME_KIND.STATUS, 1, new Uint8Array(0));
    const { ca } = held.manager!;
    const tries = [
      RawStream.tls(word.port, { ca }),
      RawStream.tls(word.port, held.manager!, { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }),
      RawStream.tcp(word.port).send(Buffer.from("no TLS at all, and more of it\r\n\r\n")),
    ];
    for (const raw of tries) assert.deepEqual((await raw.send(status).ended).frames, []);
    assert.equal((await statusOf({ word, credentials: held.manager! })).name, "ardsley");
  });
});

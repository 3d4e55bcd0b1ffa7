import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import { connectLink } from "../../host/transport/connect.ts";
import { decodeError } from "../../host/transport/error-frame.ts";
import { encodeFrame, FRAME_KIND, type Frame } from "../../host/transport/frame.ts";
import { linkError } from "../../host/transport/link-error.ts";
import type { Link } from "../../host/transport/link.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { listening, RawStream, temporaryFolder, type TestListen, text, until } from "./support.ts";

const folder = temporaryFolder();
const KIND = FRAME_KIND.PEER;
const LIMITS = { kinds: [KIND, FRAME_KIND.ERROR], maxPayload: 64 * 1024 };
let sockets = 0;

function fresh(): LinkWord & { kind: "unix" } {
  return { kind: "unix", path: join(folder, `${sockets++}.sock`) };
}

/** A server that notes what it is given, and answers each frame with itself. */
async function echoServer(options: Partial<TestListen> = {}) {
  const word = fresh();
  const frames: string[] = [];
  const closed: (string | null)[] = [];
  const links: Link[] = [];
  const { listener } = await listening(word, null, {
    onLink: (link) => {
      links.push(link);
      link.onFrame = ({ kind, payload }) => {
        frames.push(Buffer.from(payload).toString());
        link.send(kind, payload);
      };
      link.onClose = (reason) => closed.push(reason?.code ?? null);
    },
    ...options,
  });
  return { word, listener, frames, closed, links };
}

/** This process does nothing at all for so long. */
function sleepThrough(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function open(word: LinkWord, limits = LIMITS): Promise<Link> {
  return new Promise((resolve, reject) => connectLink(word, null, { ...limits, serverRole: "manager", onOpen: resolve, onFail: reject }));
}

function problemOf(word: LinkWord): Promise<DobbsError> {
  return new Promise((resolve, reject) =>
    connectLink(word, null, { ...LIMITS, serverRole: "manager", onOpen: () => reject(new Error("it is open")), onFail: resolve }),
  );
}

describe("a link on a Unix socket", () => {
  test("carries frames both ways, and tells both ends when one closes it", async () => {
    const { word, closed, frames } = await echoServer();
    const link = await open(word);
    const got: Frame[] = [];
    link.onFrame = (frame) => got.push(frame);
    const ends: (string | null)[] = [];
    link.onClose = (reason) => ends.push(reason?.code ?? null);
    for (const payload of ["one", "", "three"]) assert.equal(link.send(KIND, text(payload)), true);
    await until("three frames are back", () => got.length === 3);
    assert.deepEqual(frames, ["one", "", "three"]);
    assert.equal(link.peer, null);
    link.close();
    assert.deepEqual(ends, [], "onClose is never called out of close");
    await until("both ends are closed", () => closed.length === 1 && ends.length === 1);
    assert.deepEqual([closed[0], ends[0]], ["E_LINK_CLOSED", null]);
    assert.equal(link.send(KIND, text("late")), false);
  });

  test("is for the owner of its socket alone", async () => {
    const umask = process.umask(0);
    const { word } = await echoServer();
    process.umask(umask);
    assert.equal(statSync(word.path).mode & 0o777, 0o600);
  });

  test("that refuses a frame says why, closes, and has acted on what came before only", async () => {
    const cases: [Uint8Array, string][] = [
      [text("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), "E_LINK_MAGIC"],
      [encodeFrame(KIND, 3, text("left out")), "E_LINK_SEQUENCE"],
      [encodeFrame(KIND, 1, text("replayed")), "E_LINK_SEQUENCE"],
      [encodeFrame(FRAME_KIND.MESSAGE, 2, text("kind")), "E_LINK_KIND"],
      [encodeFrame(FRAME_KIND.ERROR, 2, text("no JSON")), "E_LINK_PAYLOAD"],
      [encodeFrame(KIND, 2, Buffer.alloc(64 * 1024 + 1)), "E_LINK_LENGTH"],
    ];
    for (const [bad, code] of cases) {
      const { word, frames, closed, listener } = await echoServer();
      const raw = RawStream.unix(word.path);
      // What comes after the refused one is right in itself.
      raw.send(encodeFrame(KIND, 1, text("good")), bad, encodeFrame(KIND, 2, text("after")), encodeFrame(KIND, 3, text("after")));
      const ended = await raw.ended;
      assert.equal(ended.refusal, code);
      assert.deepEqual(frames, ["good"], code);
      await until("the link is gone", () => listener.links === 0);
      assert.deepEqual(closed, [code]);
    }
  });

  test("of which the user of a frame refuses the payload is closed with that", async () => {
    const { word } = await echoServer({
      onLink: (link) => {
        link.onFrame = () => link.close(linkError("E_LINK_PAYLOAD", "no use for it"));
      },
    });
    const raw = RawStream.unix(word.path).send(encodeFrame(KIND, 1, text("x")));
    const { frames } = await raw.ended;
    const error = decodeError(frames[0]!.payload);
    assert.equal(error?.code, "E_LINK_PAYLOAD");
    assert.equal(error.message, "no use for it");
    assert.ok(error.mend.length > 0);
  });

  test("gives the other end's reason to who had it refused", async () => {
    const { word } = await echoServer();
    const link = await open(word);
    const reason = new Promise<DobbsError | null>((resolve) => (link.onClose = resolve));
    link.send(FRAME_KIND.MESSAGE, text("not for you"));
    assert.equal((await reason)?.code, "E_LINK_KIND");
  });

  test("does not wait for ever for the rest of a frame, however it trickles in", async () => {
    const { word, closed } = await echoServer({ frameMs: 150 });
    const frame = encodeFrame(KIND, 1, text("never whole"));
    const raw = RawStream.unix(word.path);
    let at = 0;
    const drip = setInterval(() => raw.socket.write(frame.subarray(at, ++at)), 20);
    const { refusal } = await raw.ended;
    clearInterval(drip);
    assert.ok(at < frame.length, "the frame had not ended");
    assert.equal(refusal, "E_LINK_TIMEOUT");
    assert.deepEqual(closed, ["E_LINK_TIMEOUT"]);
  });

  test("gives each frame a time of its own, and an idle link all the time in the world", async () => {
    const { word, frames } = await echoServer({ frameMs: 100 });
    const raw = RawStream.unix(word.path);
    // Always in the midst of a frame, for longer than one may take.
    const bytes = Buffer.concat([1, 2, 3, 4, 5, 6].map((n) => encodeFrame(KIND, n, text(`${n}`))));
    for (let at = 0; at < bytes.length; at += 20) {
      raw.send(bytes.subarray(at, at + 20));
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await until("all have come", () => frames.length === 6);
    await new Promise((resolve) => setTimeout(resolve, 200));
    raw.send(encodeFrame(KIND, 7, text("7")));
    await until("the late one has come", () => frames.length === 7);
    raw.socket.destroy();
  });

  test("whose own end has slept reads what came meanwhile, and blames nobody", async () => {
    const limitMs = 200;
    for (const options of [{ frameMs: limitMs }, { silentMs: limitMs }]) {
      const { word, frames, links } = await echoServer(options);
      const raw = RawStream.unix(word.path);
      const [first, second] = [encodeFrame(KIND, 1, text("first")), encodeFrame(KIND, 2, text("second"))];
      raw.send(first, second.subarray(0, 5));
      await until("one and a part are there", () => frames.length === 1);
      raw.send(second.subarray(5));
      sleepThrough(2 * limitMs);
      await until("the rest is there, too", () => frames.length === 2);
      assert.ok(links[0]!.isOpen);
      // And the other end, which has slept as well, has some time to go on.
      raw.send(encodeFrame(KIND, 3, text("third")).subarray(0, 5));
      sleepThrough(2 * limitMs);
      await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(links[0]!.isOpen);
      assert.equal((await raw.ended).refusal, "E_LINK_TIMEOUT");
    }
  });

  test("that ends in the middle of a frame has not sent it", async () => {
    const { word, frames, closed } = await echoServer();
    const frame = encodeFrame(KIND, 2, text("cut off"));
    for (const length of [1, 15, 16, frame.length - 1]) {
      const raw = RawStream.unix(word.path).send(encodeFrame(KIND, 1, text("whole")), frame.subarray(0, length));
      raw.socket.end();
      await raw.ended;
    }
    await until("all are closed", () => closed.length === 4);
    assert.deepEqual(frames, ["whole", "whole", "whole", "whole"]);
    assert.deepEqual(new Set(closed), new Set(["E_LINK_CLOSED"]));
  });

  test("that is silent is closed where silence has a limit", async () => {
    const { word } = await echoServer({ silentMs: 200 });
    const raw = RawStream.unix(word.path);
    raw.send(encodeFrame(KIND, 1, text("x")));
    assert.equal((await raw.ended).refusal, "E_LINK_TIMEOUT");
  });

  test("whose other end does not read is closed, with a bounded queue", async () => {
    const { word, links, closed } = await echoServer({ maxQueued: 256 * 1024 });
    const raw = RawStream.unix(word.path);
    raw.socket.pause();
    await until("it is there", () => links.length === 1);
    let sent = 0;
    while (links[0]!.send(KIND, Buffer.alloc(32 * 1024))) {
      sent++;
      assert.ok(sent < 1000, "it is closed before a thousand frames are queued");
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(links[0]!.isOpen, false);
    await until("it is closed", () => closed.length === 1);
    assert.deepEqual(closed, ["E_LINK_SLOW"]);
    raw.socket.destroy();
  });

  test("is told when there are too many, and there is room again when one has gone", async () => {
    const { word, listener } = await echoServer({ maxLinks: 2 });
    const first = await open(word);
    await open(word);
    await until("both are there", () => listener.links === 2);
    assert.equal((await RawStream.unix(word.path).ended).refusal, "E_LINK_FULL");
    first.close();
    await until("there is room", () => listener.links === 1);
    const third = RawStream.unix(word.path).send(encodeFrame(KIND, 1, text("in")));
    await until("it is let in", () => listener.links === 2);
    third.socket.destroy();
  });
});

describe("listening on a Unix socket", () => {
  test("takes the place of a socket that a killed program left", async () => {
    const { word } = await echoServer();
    const stale = fresh();
    // A server that is unreferenced and never closed would remove it; so make one and take its file's place.
    const { linkSync } = await import("node:fs");
    const server = createServer().listen(word.path + ".other");
    await until("it listens", () => server.listening);
    linkSync(word.path + ".other", stale.path);
    await new Promise((resolve) => server.close(resolve));
    assert.ok(existsSync(stale.path));
    await listening(stale, null, { onLink: (link) => link.send(KIND, text("hello")) });
    const link = await open(stale);
    link.close();
  });

  test("leaves a program alone that listens there, and a file that is no socket", async () => {
    const { word } = await echoServer();
    const again = await listening(word, null, { onLink: () => undefined }).catch((error: DobbsError) => error);
    assert.ok("code" in again && again.code === "E_LINK_IN_USE" && /another program/.test(again.message));
    (await open(word)).close();

    const file = fresh();
    writeFileSync(file.path, "precious");
    const refused = await listening(file, null, { onLink: () => undefined }).catch((error: DobbsError) => error);
    assert.ok("code" in refused && refused.code === "E_LINK_BIND" && /no socket/.test(refused.message));
    assert.ok(existsSync(file.path));
  });

  test("says when it cannot", async () => {
    const word: LinkWord = { kind: "unix", path: join(folder, "no", "such", "folder.sock") };
    await assert.rejects(listening(word, null, { onLink: () => undefined }), { code: "E_LINK_BIND" });
  });

  test("removes its socket when it is closed", async () => {
    const { word, listener } = await echoServer();
    const link = await open(word);
    const gone = new Promise<DobbsError | null>((resolve) => (link.onClose = resolve));
    await new Promise<void>((resolve) => listener.close(resolve));
    assert.equal(existsSync(word.path), false);
    assert.equal((await gone)?.code, "E_LINK_CLOSED");
  });
});

describe("connecting", () => {
  test("says that there is no socket, and that nobody listens", async () => {
    const problem = await problemOf(fresh());
    assert.equal(problem.code, "E_LINK_CONNECT");
    assert.match(problem.message, /there is no socket/);
    const refused = await problemOf({ kind: "unix", path: "/etc/passwd" });
    assert.equal(refused.code, "E_LINK_CONNECT");
  });

  test("can be given up, and is silent then", async () => {
    const { word } = await echoServer();
    const called: string[] = [];
    const cancel = connectLink(word, null, {
      ...LIMITS,
      serverRole: "manager",
      onOpen: () => called.push("open"),
      onFail: () => called.push("fail"),
    });
    cancel();
    (await open(word)).close();
    assert.deepEqual(called, []);
  });
});

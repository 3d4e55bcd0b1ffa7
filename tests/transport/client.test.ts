import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { LinkClient } from "../../host/transport/client.ts";
import { FRAME_KIND } from "../../host/transport/frame.ts";
import { linkError } from "../../host/transport/link-error.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { listening, temporaryFolder, text, until } from "./support.ts";

const folder = temporaryFolder();
const KIND = FRAME_KIND.PEER;
let sockets = 0;

/** A client, and what it was told. */
function client(word: LinkWord) {
  const told: string[] = [];
  const one = new LinkClient({
    word,
    credentials: null,
    serverRole: "manager",
    kinds: [KIND, FRAME_KIND.ERROR],
    maxPayload: 1000,
    onOpen: (link) => (told.push("open"), link.send(KIND, text("hello"))),
    onFrame: ({ payload }) => told.push(Buffer.from(payload).toString()),
    onClose: () => told.push("close"),
    onProblem: ({ code }) => told.push(code),
  });
  after(() => one.stop());
  return { one, told };
}

const fresh = (): LinkWord => ({ kind: "unix", path: join(folder, `${sockets++}.sock`) });
const echo = { onLink: (link: import("../../host/transport/link.ts").Link) => (link.onFrame = ({ kind, payload }) => void link.send(kind, payload)) };

describe("a client of a link", () => {
  test("waits for a server that is not there yet, and says so once", async () => {
    const word = fresh();
    const { one, told } = client(word);
    await until("it has tried some times", () => told.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(told, ["E_LINK_CONNECT"]);
    await listening(word, null, echo);
    await until("it is answered", () => told.includes("hello"));
    assert.deepEqual(told, ["E_LINK_CONNECT", "open", "hello"]);
    assert.equal(one.state, "open");
    assert.ok(one.link?.isOpen);
  });

  test("comes back when its server does, and begins anew", async () => {
    const word = fresh();
    const { listener } = await listening(word, null, echo);
    const { one, told } = client(word);
    await until("it is answered", () => told.includes("hello"));
    await new Promise<void>((resolve) => listener.close(resolve));
    await until("it has noticed", () => told.includes("close"));
    assert.equal(one.link, null);
    told.length = 0;
    await listening(word, null, echo);
    await until("it is answered again", () => told.includes("hello"));
    assert.deepEqual(told.slice(-2), ["open", "hello"]);
  });

  test("is not let in again and again at once by a server that refuses it", async () => {
    const word = fresh();
    let links = 0;
    await listening(word, null, {
      onLink: (link) => {
        links++;
        link.close(linkError("E_LINK_PEER", "not you"));
      },
    });
    const { told } = client(word);
    await until("it has been there some times", () => links >= 4);
    const openings = told.filter((what) => what === "open").length;
    assert.ok(openings >= 4);
    assert.deepEqual(
      told.filter((what) => what.startsWith("E_")),
      ["E_LINK_PEER"],
      "told once",
    );
    // 50 + 100 + 200 + ... ms, and at least half of each: not 50 each.
    const before = links;
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.ok(links - before <= 3, `${links - before} in 400 ms`);
  });

  test("is silent once it was stopped", async () => {
    const word = fresh();
    const { listener } = await listening(word, null, echo);
    const { one, told } = client(word);
    await until("it is answered", () => told.includes("hello"));
    one.stop();
    assert.equal(one.state, "stopped");
    await until("its link is gone", () => listener.links === 0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual(told, ["open", "hello"]);
  });

  test("can be stopped while it waits", async () => {
    const { one, told } = client(fresh());
    await until("it has tried", () => told.length > 0);
    one.stop();
    assert.equal(one.state, "stopped");
  });
});

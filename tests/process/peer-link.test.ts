import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { encodePeerWords } from "../../host/process/peer-schema.ts";
import { APPLIANCE_MANAGER } from "../../host/supervisor/messages.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import { encodeFrame, FRAME_KIND } from "../../host/transport/frame.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { Keys, RawStream, temporaryFolder, until } from "../transport/support.ts";
import { charterFor, TestHub, TestPeer } from "./peers.ts";
import { CHARTER, ORDERS, REPORTS } from "./samples.ts";

const folder = temporaryFolder();
const keysFolder = temporaryFolder();
let sockets = 0;
const unixWord = () => ({ kind: "unix", path: join(folder, `${sockets++}.sock`) }) as const;
const TLS: LinkWord = { kind: "tls", host: "127.0.0.1", port: 0, node: null };
const BLADES = ["ardsley", "yonkers"];
let manager: Credentials;
const blades = new Map<string, Credentials>();

before(async () => {
  const keys = await Keys.make(keysFolder);
  manager = await keys.issue("manager", "am", ["127.0.0.1"]);
  for (const name of BLADES) blades.set(name, await keys.issue("blade", name));
});

/** Frames of a stream, one after the other from sequence 1. */
function frames(...words: readonly unknown[]): Uint8Array[] {
  return words.map((said, at) => encodeFrame(FRAME_KIND.PEER, at + 1, typeof said === "string" ? Buffer.from(said) : encodePeerWords(said as never)));
}

const JOIN = { type: "join", blade: "ardsley", release: "0.1.0" } as const;
const SESSIONS = { type: "message", to: APPLIANCE_MANAGER, message: REPORTS.sessions } as const;

for (const kind of ["unix", "tls"] as const) {
  const word = (): LinkWord => (kind === "unix" ? unixWord() : TLS);
  const ofManager = (): Credentials | null => (kind === "unix" ? null : manager);
  const of = (blade: string): Credentials | null => (kind === "unix" ? null : blades.get(blade)!);

  describe(`on ${kind}`, () => {
    test("a traffic manager joins, is told who it is, and orders and reports get through", async () => {
      const hub = await TestHub.start(word(), ofManager(), BLADES);
      const peer = new TestPeer(hub.word, of("ardsley"), "ardsley");
      await until("it has joined", () => peer.client.joined);
      assert.deepEqual(peer.charters, [charterFor("ardsley")]);
      assert.deepEqual(hub.hub.blades, ["ardsley"]);
      for (const order of Object.values(ORDERS)) hub.hub.send("ardsley", order);
      for (const report of Object.values(REPORTS)) peer.client.send(APPLIANCE_MANAGER, report);
      await until("all is there", () => peer.received.length + hub.reports.length === 15);
      assert.deepEqual(peer.received, Object.values(ORDERS).map((message) => ({ from: APPLIANCE_MANAGER, message })));
      assert.deepEqual(hub.reports, Object.values(REPORTS).map((report) => ({ blade: "ardsley", report })));
    });

    test("traffic managers share what they see through the appliance manager, under their own names", async () => {
      const hub = await TestHub.start(word(), ofManager(), BLADES);
      const [ardsley, yonkers] = BLADES.map((blade) => new TestPeer(hub.word, of(blade), blade)) as [TestPeer, TestPeer];
      await until("both have joined", () => hub.hub.blades.length === 2 && ardsley.client.joined && yonkers.client.joined);
      ardsley.client.send("yonkers", REPORTS.sessions);
      await until("it is there", () => yonkers.received.length > 0);
      assert.deepEqual(yonkers.received, [{ from: "ardsley", message: REPORTS.sessions }]);
      assert.deepEqual(hub.reports, []);
    });

    test("each side goes on when the other one was started anew", async () => {
      const place = word();
      const first = await TestHub.start(place, ofManager(), BLADES);
      const peer = new TestPeer(first.word, of("ardsley"), "ardsley");
      await until("it has joined", () => peer.client.joined);
      await new Promise<void>((resolve) => first.hub.close(resolve));
      await until("it has noticed", () => peer.left === 1 && !peer.client.joined);
      const second = await TestHub.start(first.word, ofManager(), BLADES);
      await until("it has joined again", () => peer.client.joined);
      peer.client.send(APPLIANCE_MANAGER, REPORTS.installed);
      await until("it is heard", () => second.reports.length === 1);
      peer.client.stop();
      await until("it has left", () => second.hub.blades.length === 0);
      const anew = new TestPeer(second.word, of("ardsley"), "ardsley");
      await until("it has joined", () => anew.client.joined);
    });
  });
}

test("the newest traffic manager of a blade takes the place of an older one", async () => {
  const hub = await TestHub.start(unixWord(), null, BLADES);
  const raw = RawStream.unix((hub.word as { path: string }).path).send(...frames(JOIN));
  await until("the old one has joined", () => hub.hub.blades.length === 1);
  const peer = new TestPeer(hub.word, null, "ardsley");
  await until("the new one has joined", () => peer.client.joined);
  assert.equal((await raw.ended).refusal, "E_PEER_REPLACED");
  assert.deepEqual(hub.hub.blades, ["ardsley"]);
  hub.hub.send("ardsley", ORDERS.abort);
  await until("the new one is told", () => peer.received.length === 1);
});

test("a charter is sent again when it has changed, and not when it has not", async () => {
  const hub = await TestHub.start(unixWord(), null, BLADES);
  const peer = new TestPeer(hub.word, null, "ardsley");
  await until("it has joined", () => peer.client.joined);
  hub.hub.update();
  const changed = { ...charterFor("ardsley"), vips: ["192.0.2.9"] };
  hub.charters.set("ardsley", changed);
  hub.hub.update();
  hub.hub.update();
  hub.hub.send("ardsley", ORDERS.abort);
  await until("all is there", () => peer.received.length === 1);
  assert.deepEqual(peer.charters, [charterFor("ardsley"), changed]);
  hub.charters.delete("ardsley");
  hub.hub.update();
  await until("it is told why", () => peer.problems.length > 0);
  assert.equal(peer.problems[0]!.code, "E_PEER_BLADE");
});

test("a blade that the appliance does not have waits until it does", async () => {
  const hub = await TestHub.start(unixWord(), null, []);
  const peer = new TestPeer(hub.word, null, "ardsley");
  await until("it is told why", () => peer.problems.length > 0);
  assert.equal(peer.problems[0]!.code, "E_PEER_BLADE");
  hub.charters.set("ardsley", CHARTER);
  await until("it has joined", () => peer.client.joined);
});

describe("what is refused closes the link, and changes nothing", () => {
  const attempts: [string, string, unknown[]][] = [
    ["a message before join", "E_PEER_JOIN", [SESSIONS]],
    ["a ping before join", "E_PEER_JOIN", [{ type: "ping" }]],
    ["a second join", "E_PEER_JOIN", [JOIN, { ...JOIN, blade: "yonkers" }]],
    ["a blade that is not of this appliance", "E_PEER_BLADE", [{ ...JOIN, blade: "nowhere" }]],
    ["the appliance manager's own name", "E_PEER_BLADE", [{ ...JOIN, blade: APPLIANCE_MANAGER }]],
    ["an order to the appliance manager", "E_LINK_PAYLOAD", [JOIN, { ...SESSIONS, message: ORDERS.install }]],
    ["an order to a peer", "E_LINK_PAYLOAD", [JOIN, { ...SESSIONS, to: "yonkers", message: ORDERS.install }]],
    ["another report to a peer", "E_LINK_PAYLOAD", [JOIN, { ...SESSIONS, to: "yonkers", message: REPORTS.installed }]],
    ["a charter", "E_LINK_PAYLOAD", [JOIN, { type: "charter", charter: CHARTER }]],
    ["a sender of one's own choice", "E_LINK_PAYLOAD", [JOIN, { ...SESSIONS, from: "yonkers" }]],
    ["no JSON", "E_LINK_PAYLOAD", ["{"]],
    ["no UTF-8", "E_LINK_PAYLOAD", [JOIN, Buffer.from([0x22, 0xff, 0x22]).toString("latin1")]],
    ["an array", "E_LINK_PAYLOAD", ["[]"]],
    ["null", "E_LINK_PAYLOAD", ["null"]],
    ["nothing", "E_LINK_PAYLOAD", [""]],
    ["100,000 arrays in each other", "E_LINK_PAYLOAD", ["[".repeat(100_000) + "]".repeat(100_000)]],
    ["a name out of Object.prototype", "E_LINK_PAYLOAD", ['{"type":"join","blade":"ardsley","release":"1","__proto__":{"x":1}}']],
  ];
  for (const [what, code, said] of attempts) {
    test(what, async () => {
      const hub = await TestHub.start(unixWord(), null, BLADES);
      const victim = new TestPeer(hub.word, null, "yonkers");
      await until("the victim has joined", () => victim.client.joined);
      const { refusal } = await RawStream.unix((hub.word as { path: string }).path).send(...frames(...said)).ended;
      assert.equal(refusal, code);
      await until("it is gone", () => hub.hub.blades.length === 1);
      assert.deepEqual([hub.hub.blades, hub.reports, victim.received, victim.left], [["yonkers"], [], [], 0]);
      assert.ok([...hub.codes("peer-refused"), ...hub.codes("peer-left")].includes(code));
    });
  }

  test("a blade's certificate under another name", async () => {
    const hub = await TestHub.start(TLS, manager, BLADES);
    const { refusal } = await RawStream.tls((hub.word as { port: number }).port, blades.get("yonkers")!).send(...frames(JOIN)).ended;
    assert.equal(refusal, "E_PEER_NAME");
    const peer = new TestPeer(hub.word, blades.get("yonkers")!, "ardsley");
    await until("it is told why", () => peer.problems.length > 0);
    assert.equal(peer.problems[0]!.code, "E_PEER_NAME");
    assert.deepEqual([hub.hub.blades, hub.reports], [[], []]);
  });

  test("a certificate of another role, as either side", async () => {
    const hub = await TestHub.start(TLS, manager, BLADES);
    assert.equal((await RawStream.tls((hub.word as { port: number }).port, manager).send(...frames(JOIN)).ended).refusal, "E_LINK_PEER");
    const impostor = await TestHub.start({ ...TLS, node: null }, blades.get("yonkers")!, BLADES);
    const peer = new TestPeer(impostor.word, blades.get("ardsley")!, "ardsley");
    await until("it is told why", () => peer.problems.length > 0);
    assert.equal(peer.problems[0]!.code, "E_LINK_PEER");
    assert.deepEqual([peer.charters, impostor.hub.blades], [[], []]);
  });

  test("by a traffic manager: the charter of another blade", async () => {
    const hub = await TestHub.start(unixWord(), null, BLADES);
    hub.charters.set("ardsley", charterFor("yonkers"));
    const peer = new TestPeer(hub.word, null, "ardsley");
    await until("it has refused", () => hub.codes("peer-left").includes("E_LINK_PAYLOAD"));
    assert.deepEqual(peer.charters, []);
  });
});

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { DobbsError } from "../../host/errors.ts";
import { connectLink } from "../../host/transport/connect.ts";
import { type Credentials, loadCredentials } from "../../host/transport/credentials.ts";
import { encodeFrame, FRAME_KIND } from "../../host/transport/frame.ts";
import { linkError } from "../../host/transport/link-error.ts";
import type { Link } from "../../host/transport/link.ts";
import type { LinkListener } from "../../host/transport/listen.ts";
import type { LinkPeer, Role } from "../../host/transport/peer.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { Keys, listening, RawStream, temporaryFolder, type TestListen, text, until } from "./support.ts";

const KIND = FRAME_KIND.PEER;
const LIMITS = { kinds: [KIND, FRAME_KIND.ERROR], maxPayload: 64 * 1024 };
type TlsWord = LinkWord & { kind: "tls" };
const ANY_PORT: TlsWord = { kind: "tls", host: "127.0.0.1", port: 0, node: null };

const keysFolder = temporaryFolder();
const othersFolder = temporaryFolder();
let keys: Keys;
let others: Keys;
let manager: Credentials;
let blade: Credentials;
let stranger: Credentials;

before(async () => {
  keys = await Keys.make(keysFolder);
  others = await Keys.make(othersFolder);
  manager = await keys.issue("manager", "am", ["127.0.0.1"]);
  blade = await keys.issue("blade", "ardsley");
  stranger = await others.issue("manager", "am", ["127.0.0.1"]);
});

interface Server {
  readonly word: TlsWord;
  readonly listener: LinkListener;
  readonly peers: (LinkPeer | null)[];
  readonly frames: string[];
  readonly problems: string[];
}

async function server(credentials: Credentials, options: Partial<TestListen> = {}): Promise<Server> {
  const peers: (LinkPeer | null)[] = [];
  const frames: string[] = [];
  const problems: string[] = [];
  const { word, listener } = await listening(ANY_PORT, credentials, {
    onLink: (link) => {
      peers.push(link.peer);
      link.onFrame = ({ kind, payload }) => {
        frames.push(Buffer.from(payload).toString());
        link.send(kind, payload);
      };
    },
    onProblem: ({ code }) => problems.push(code),
    ...options,
  });
  return { word: word as TlsWord, listener, peers, frames, problems };
}

/** What became of it: the link, or the problem. */
function connecting(word: LinkWord, credentials: Credentials, serverRole: Role = "manager"): Promise<Link | DobbsError> {
  return new Promise((resolve) => connectLink(word, credentials, { ...LIMITS, serverRole, onOpen: resolve, onFail: resolve }));
}

async function opened(word: LinkWord, credentials: Credentials, serverRole?: Role): Promise<Link> {
  const link = await connecting(word, credentials, serverRole);
  assert.ok("send" in link, "message" in link ? link.message : "");
  return link;
}

async function refused(word: LinkWord, credentials: Credentials, serverRole?: Role): Promise<DobbsError> {
  const problem = await connecting(word, credentials, serverRole);
  assert.ok("code" in problem, "it must not open");
  return problem;
}

describe("a TLS link", () => {
  test("knows who is at both ends", async () => {
    const { word, peers, frames } = await server(manager);
    const link = await opened(word, blade);
    assert.deepEqual(link.peer, { role: "manager", name: "am" });
    const back = new Promise<string>((resolve) => (link.onFrame = ({ payload }) => resolve(Buffer.from(payload).toString())));
    link.send(KIND, text("hello"));
    assert.equal(await back, "hello");
    assert.deepEqual(peers, [{ role: "blade", name: "ardsley" }]);
    assert.deepEqual(frames, ["hello"]);
    link.close();
  });

  test("is opened by the node's name where the certificate does not name the address", async () => {
    const { word } = await server(await keys.issue("manager", "nameless"));
    const problem = await refused(word, blade);
    assert.equal(problem.code, "E_LINK_PEER");
    assert.match(problem.mend, /#nameless/);
    (await opened({ ...word, node: "nameless" }, blade)).close();
    assert.equal((await refused({ ...word, node: "am" }, blade)).code, "E_LINK_PEER");
  });

  test("is not opened to a server of another role: a blade's key makes no manager", async () => {
    const { word } = await server(await keys.issue("blade", "evil", ["127.0.0.1"]));
    const problem = await refused(word, blade, "manager");
    assert.equal(problem.code, "E_LINK_PEER");
    assert.match(problem.message, /blade evil/);
    (await opened(word, manager, "blade")).close();
  });

  test("is not opened to a server of another CA, and none of it is told anything", async () => {
    const { word, peers } = await server(stranger);
    assert.equal((await refused(word, blade)).code, "E_LINK_TLS");
    assert.deepEqual(peers, []);
  });

  test("is not opened to a server that does not speak TLS, or only an older one", async () => {
    const plain = createServer((socket) => socket.end("220 mail\r\n")).listen(0, "127.0.0.1");
    await until("it listens", () => plain.listening);
    const portOf = (address: unknown): number => (address as { port: number }).port;
    assert.equal((await refused({ ...ANY_PORT, port: portOf(plain.address()) }, blade)).code, "E_LINK_TLS");
    plain.close();
    const old = createTlsServer({ cert: manager.certificate, key: manager.key, maxVersion: "TLSv1.2" }).listen(0, "127.0.0.1");
    await until("it listens", () => old.listening);
    assert.equal((await refused({ ...ANY_PORT, port: portOf(old.address()) }, blade)).code, "E_LINK_TLS");
    old.close();
  });

  test("lets nobody in without a certificate of its CA over TLS 1.3: no handler hears of them", async () => {
    const told: string[] = [];
    const { word, peers, frames, problems, listener } = await server(manager, {
      onProblem: ({ code, message }) => {
        problems.push(code);
        told.push(message);
      },
    });
    const good = encodeFrame(KIND, 1, text("x"));
    const tries: RawStream[] = [
      RawStream.tls(word.port, stranger),
      RawStream.tls(word.port, { ca: manager.ca }),
      RawStream.tls(word.port, blade, { maxVersion: "TLSv1.2", minVersion: "TLSv1.2" }),
      RawStream.tls(word.port, { ...blade, certificate: stranger.certificate, key: stranger.key }),
      RawStream.tcp(word.port).send(text("GET / HTTP/1.1\r\n\r\n")),
    ];
    for (const raw of tries) raw.send(good);
    const ended = await Promise.all(tries.map((raw) => raw.ended));
    for (const { frames: answered } of ended) assert.deepEqual(answered, []);
    await until("each was noticed", () => problems.length === tries.length);
    assert.deepEqual(new Set(problems), new Set(["E_LINK_TLS"]));
    assert.deepEqual([peers, frames, listener.links], [[], [], 0]);
    assert.ok(told.some((message) => /UNABLE_TO_VERIFY/.test(message)), told.join());
    (await opened(word, blade)).close();
  });

  test("gives a stranger who is silent a few seconds, and others their links meanwhile", async () => {
    const { word, problems, listener } = await server(manager);
    const silent = Array.from({ length: 20 }, () => RawStream.tcp(word.port));
    const link = await opened(word, blade);
    await until("it is in", () => listener.links === 1);
    await Promise.all(silent.map((raw) => raw.ended));
    assert.deepEqual(new Set(problems), new Set(["E_LINK_TLS"]));
    assert.equal(link.isOpen, true);
    link.close();
  });

  test("is refused to a role or a name that has no business there, with the reason", async () => {
    const { word, peers, problems } = await server(manager, {
      accept: ({ role, name }) => (role === "blade" && name === "ardsley" ? null : linkError("E_LINK_PEER", `${role} ${name} has no business here`)),
    });
    for (const [role, name] of [["shim", "ardsley"], ["blade", "dobbs-ferry"], ["manager", "ardsley"]] as const) {
      const raw = RawStream.tls(word.port, await keys.issue(role, name));
      raw.send(encodeFrame(KIND, 1, text("x")));
      assert.equal((await raw.ended).refusal, "E_LINK_PEER", `${role} ${name}`);
    }
    assert.deepEqual(peers, []);
    assert.deepEqual(problems, ["E_LINK_PEER", "E_LINK_PEER", "E_LINK_PEER"]);
    (await opened(word, blade)).close();
  });

  test("frames a TLS record at a time, or many, are the same frames", async () => {
    const { word, frames } = await server(manager);
    const raw = RawStream.tls(word.port, blade);
    const bytes = Buffer.concat([1, 2, 3].map((n) => encodeFrame(KIND, n, Buffer.alloc(20_000, n))));
    for (let at = 0; at < bytes.length; at += 777) raw.send(bytes.subarray(at, at + 777));
    await until("all have come", () => frames.length === 3);
    raw.socket.destroy();
  });

  test("whose other end does not read is closed", async () => {
    const links: Link[] = [];
    const { word } = await server(manager, { maxQueued: 256 * 1024, onLink: (link) => links.push(link) });
    const raw = RawStream.tls(word.port, blade);
    await until("it is there", () => links.length === 1);
    raw.socket.pause();
    const closed = new Promise<DobbsError | null>((resolve) => (links[0]!.onClose = resolve));
    let sent = 0;
    while (links[0]!.send(KIND, Buffer.alloc(64 * 1024))) {
      sent++;
      assert.ok(sent < 1000, "it is closed before so much is queued");
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await closed)?.code, "E_LINK_SLOW");
    raw.socket.destroy();
  });

  test("is not resumed: each time the certificate is shown anew", async () => {
    const { word, peers } = await server(manager);
    const first = RawStream.tls(word.port, blade);
    const socket = first.socket as TLSSocket;
    const sessions: Buffer[] = [];
    socket.on("session", (session) => sessions.push(session));
    first.send(encodeFrame(KIND, 1, text("x")));
    await until("it is let in", () => peers.length === 1);
    socket.end();
    await first.ended;
    const session = sessions.at(-1) ?? socket.getSession();
    const second = RawStream.tls(word.port, blade, { session });
    await until("it is let in", () => peers.length === 2);
    assert.equal((second.socket as TLSSocket).isSessionReused(), false);
    second.socket.destroy();
  });

  test("needs credentials, and says so", () => {
    const options = { ...LIMITS, serverRole: "manager" as const, onOpen: () => undefined, onFail: () => undefined };
    assert.throws(() => connectLink(ANY_PORT, null, options), { code: "E_TLS_MISSING" });
  });
});

describe("credentials", () => {
  const folder = temporaryFolder();
  const write = (name: string, content: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    return path;
  };
  const paths = () => ({
    tlsCa: write("ca.pem", manager.ca),
    tlsCert: write("am.pem", manager.certificate),
    tlsKey: write("am.key", manager.key),
  });

  test("are read from three files, or there are none", () => {
    assert.deepEqual(loadCredentials(paths()), manager);
    assert.equal(loadCredentials({}), null);
  });

  test("that cannot be used are refused with a code for each reason", () => {
    const good = paths();
    const wrong: [Partial<Record<"tlsCa" | "tlsCert" | "tlsKey", string | undefined>>, string][] = [
      [{ tlsKey: undefined }, "E_TLS_MISSING"],
      [{ tlsCa: undefined }, "E_TLS_MISSING"],
      [{ tlsCert: undefined }, "E_TLS_MISSING"],
      [{ tlsCa: join(folder, "none.pem") }, "E_TLS_READ"],
      [{ tlsKey: join(folder, "none.key") }, "E_TLS_READ"],
      [{ tlsCa: write("text.pem", "no certificate") }, "E_TLS_CA"],
      [{ tlsCa: write("other.pem", stranger.ca) }, "E_TLS_CA"],
      [{ tlsCert: good.tlsKey }, "E_TLS_CERTIFICATE"],
      [{ tlsKey: write("text.key", "no key") }, "E_TLS_KEY"],
      [{ tlsKey: write("other.key", blade.key) }, "E_TLS_KEY"],
    ];
    for (const [change, code] of wrong) assert.throws(() => loadCredentials({ ...good, ...change }), { code });
  });

  test("whose key others can read are refused, with the command that mends it", () => {
    for (const mode of [0o640, 0o604, 0o620]) {
      const tlsKey = write("open.key", manager.key, mode);
      assert.throws(() => loadCredentials({ ...paths(), tlsKey }), { code: "E_TLS_KEY_MODE", mend: `Run: chmod 600 ${tlsKey}` });
    }
  });
});

/** Mutated frames on each transport, each of them looked at: a bad frame ends its connection, so each has one of its own. The
 *  handlers see what is valid, and nothing else; the server lives on, and its heap stays as it was. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Credentials } from "../../host/transport/credentials.ts";
import { encodeFrame, FRAME_KIND } from "../../host/transport/frame.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { mutated } from "./mutation.ts";
import { Keys, listening, randomOf, RawStream, temporaryFolder, until } from "./support.ts";

const SEED = 20_261;
const ON_UNIX = 100_000;
/** Handshakes take the time; what is behind them is the same. `tests/process/peer-fuzz.test.ts` has messages in valid frames. */
const ON_TLS = 2_000;
const AT_ONCE = 8;
const KIND = FRAME_KIND.PEER;
const GROWTH_MAX = 3 * 1024 * 1024;
const folder = temporaryFolder();
const keysFolder = temporaryFolder();
let manager: Credentials;
let blade: Credentials;

before(async () => {
  const keys = await Keys.make(keysFolder);
  manager = await keys.issue("manager", "am", ["127.0.0.1"]);
  blade = await keys.issue("blade", "ardsley");
});

setFlagsFromString("--expose_gc");
const collect = runInNewContext("gc") as () => void;

function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

type Random = (below: number) => number;

/** `count` connections: valid frames, and a mutated one. Returns what the server made of these: how many had which code. */
async function attack(word: LinkWord, credentials: Credentials | null, open: (word: LinkWord) => RawStream, count: number) {
  const random = randomOf(SEED);
  /** What each stream's valid frames said: `<stream>.<number>`. */
  const taken = new Map<number, string[]>();
  const refusals = new Map<string, number>();
  const { word: bound, listener } = await listening(word, credentials, {
    maxLinks: 1000,
    onLink: (link) => {
      link.onFrame = ({ payload }) => {
        const said = Buffer.from(payload).toString();
        const stream = Number(said.split(".")[0]);
        const known = taken.get(stream);
        if (known) known.push(said);
        else taken.set(stream, [said]);
      };
      link.onClose = (reason) => {
        if (reason) refusals.set(reason.code, (refusals.get(reason.code) ?? 0) + 1);
      };
    },
  });

  const one = async (stream: number): Promise<void> => {
    const { good, bad } = streamOf(stream, random);
    taken.set(stream, []);
    const raw = open(bound).send(Buffer.concat([...good, bad]));
    raw.socket.end();
    await raw.ended;
    await until("the link is gone", () => taken.get(stream)!.length >= good.length);
    const expected = good.map((_, index) => `${stream}.${index + 1}`);
    assert.deepEqual(taken.get(stream), expected, `seed ${SEED}, stream ${stream}`);
    taken.delete(stream);
  };

  let settled = 0;
  for (let stream = 0; stream < count; stream += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => one(stream + index)));
    // Once everything is compiled and every pool has its size.
    if (settled === 0 && stream > count / 3) settled = memory();
  }
  await until("all links are gone", () => listener.links === 0);
  const growth = memory() - settled;
  assert.ok(growth < GROWTH_MAX, `the heap has grown by ${growth} bytes`);
  assert.deepEqual([...taken], [], "nothing was taken on a stream that was over");
  assert.deepEqual([...refusals.keys()].sort(), EXPECTED);
  const looked = [...refusals.values()].reduce((sum, one) => sum + one, 0);
  assert.ok(looked >= count, `${looked} of ${count} were looked at`);
  return { bound, listener };
}

function streamOf(stream: number, random: Random): { good: Uint8Array[]; bad: Uint8Array } {
  const frame = (sequence: number): Uint8Array => encodeFrame(KIND, sequence, Buffer.from(`${stream}.${sequence}`));
  const good = Array.from({ length: random(3) }, (_, index) => frame(index + 1));
  let bad: Uint8Array;
  // Nothing at all is nothing to look at.
  do bad = mutated(frame(good.length + 1), good.length + 1, random);
  while (bad.length === 0);
  return { good, bad };
}

/** E_LINK_CLOSED: the stream has ended in the middle of it. */
const EXPECTED = ["E_LINK_CHECKSUM", "E_LINK_CLOSED", "E_LINK_KIND", "E_LINK_LENGTH", "E_LINK_MAGIC", "E_LINK_SEQUENCE", "E_LINK_VERSION"];

describe("mutated frames, one a connection", () => {
  test(`${ON_UNIX.toLocaleString("en-US")} on a Unix socket`, async () => {
    const word: LinkWord = { kind: "unix", path: join(folder, "fuzz.sock") };
    const { listener } = await attack(word, null, () => RawStream.unix(word.path), ON_UNIX);
    const raw = RawStream.unix(word.path).send(encodeFrame(KIND, 1, Buffer.from("0.1")));
    await until("the next one is let in", () => listener.links === 1);
    raw.socket.destroy();
  });

  test(`${ON_TLS.toLocaleString("en-US")} on TLS, from one who has a certificate`, async () => {
    const word: LinkWord = { kind: "tls", host: "127.0.0.1", port: 0, node: null };
    const open = (bound: LinkWord): RawStream => RawStream.tls((bound as { port: number }).port, blade);
    await attack(word, manager, open, ON_TLS);
  });

  test("and raw bytes at a TLS port, from one who has none", async () => {
    const random = randomOf(SEED);
    let seen = 0;
    const { word, listener } = await listening({ kind: "tls", host: "127.0.0.1", port: 0, node: null }, manager, {
      maxLinks: 1000,
      onLink: () => seen++,
    });
    const { port } = word as { port: number };
    const hello = Buffer.from("160301020001000001fc0303", "hex");
    const one = async (): Promise<void> => {
      const noise = Buffer.from(Array.from({ length: 1 + random(600) }, () => random(256)));
      const frame = mutated(encodeFrame(KIND, 1, noise), 1, random);
      const raw = RawStream.tcp(port).send(Buffer.concat([[hello, frame, noise][random(3)]!, noise]));
      raw.socket.end();
      await raw.ended;
    };
    for (let round = 0; round < 1000; round += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, one));
    assert.equal(seen, 0);
    const raw = RawStream.tls(port, blade);
    await until("one who has a certificate is let in", () => seen === 1);
    raw.socket.destroy();
    await until("and has gone", () => listener.links === 0);
  });
});

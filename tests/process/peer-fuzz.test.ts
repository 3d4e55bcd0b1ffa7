/** 100,000 mutated frames, and as many mutated messages in valid frames, on each transport: what the appliance manager
 *  knows and intends stays as it is, it lives on, and its heap stays as it was. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DobbsError } from "../../host/errors.ts";
import type { Blade } from "../../host/model/appliance.ts";
import { LogJournal } from "../../host/process/log-journal.ts";
import { asPeerReport, asReport } from "../../host/process/message-schema.ts";
import { PeerHub } from "../../host/process/peer-hub.ts";
import { decodeToManager, type ToManager } from "../../host/process/peer-schema.ts";
import { RealClock } from "../../host/process/real-clock.ts";
import { ApplianceManager } from "../../host/supervisor/appliance-manager.ts";
import { APPLIANCE_MANAGER, type Report } from "../../host/supervisor/messages.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import { encodeFrame, FRAME_KIND } from "../../host/transport/frame.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { mutated } from "../transport/mutation.ts";
import { Keys, randomOf, RawStream, temporaryFolder, until } from "../transport/support.ts";
import { FakeBlade } from "./fake-blade.ts";
import { charterFor } from "./peers.ts";
import { edited, ORDERS, placesIn, REPORTS } from "./samples.ts";

const SEED = 4_711;
const MUTATED = 100_000;
const AT_ONCE = 8;
const GROWTH_MAX = 16 * 1024 * 1024;
type Random = (below: number) => number;

const folder = temporaryFolder();
const keysFolder = temporaryFolder();
let manager: Credentials;
/** Of one who belongs to the appliance, and has gone bad. */
let mallory: Credentials;
let honest: Credentials;

before(async () => {
  const keys = await Keys.make(keysFolder);
  manager = await keys.issue("manager", "am", ["127.0.0.1"]);
  mallory = await keys.issue("blade", "mallory");
  honest = await keys.issue("blade", "ardsley");
});

setFlagsFromString("--expose_gc");
const collect = runInNewContext("gc") as () => void;
function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const WORDS: readonly unknown[] = [
  { type: "join", blade: "mallory", release: "0.1.0" },
  { type: "ping" },
  ...Object.values(REPORTS).map((message) => ({ type: "message", to: APPLIANCE_MANAGER, message })),
  { type: "message", to: "ardsley", message: REPORTS.sessions },
  { type: "message", to: "ardsley", message: ORDERS.install },
];
const JUNK: readonly unknown[] = [null, true, -1, 0.5, 1e300, 2 ** 53, "", "x".repeat(300), "__proto__", "ardsley", [], [[]], {}, { kind: "install" }];

/** Words with something wrong, as text: mostly JSON. */
function mutatedWords(random: Random): string {
  const words = WORDS[random(WORDS.length)];
  if (random(4) === 0) {
    const text = Buffer.from(JSON.stringify(words));
    for (let flips = 1 + random(4); flips > 0; flips--) text[random(text.length)] = random(256);
    return text.toString("latin1");
  }
  let value = words;
  for (let edits = 1 + random(2); edits > 0; edits--) {
    const places = [...placesIn(value)];
    if (places.length === 0) break;
    value = edited(value, places[random(places.length)]!, (holder, last) => {
      const what = random(3);
      if (what === 0) delete holder[last];
      else if (what === 1) holder[last] = structuredClone(JUNK[random(JUNK.length)]);
      else if (Array.isArray(holder)) holder.push(holder[last as number]);
      else holder[`${last}x`] = holder[last];
    });
  }
  return JSON.stringify(value);
}

/** What the hub would make of them. */
function isTaken(text: string): boolean {
  let words: ToManager;
  try {
    words = decodeToManager(Buffer.from(text, "latin1"));
  } catch (error) {
    assert.ok(error instanceof DobbsError);
    assert.equal(error.code, "E_LINK_PAYLOAD");
    return false;
  }
  if (words.type === "message") return (words.to === APPLIANCE_MANAGER ? asReport : asPeerReport)(words.message) !== null;
  return words.type === "ping";
}

test(`${MUTATED.toLocaleString("en-US")} mutated messages: each is refused with its code, or is one that might have been sent`, () => {
  const random = randomOf(SEED);
  let taken = 0;
  for (let i = 0; i < MUTATED; i++) if (isTaken(mutatedWords(random))) taken++;
  assert.ok(taken > 0 && taken < MUTATED / 4, `${taken} were taken`);
});

const ARDSLEY: Blade = { name: "ardsley", mac: "02:00:00:00:00:01", port: 1, weight: 1, vms: [] };
const YONKERS: Blade = { name: "yonkers", mac: "02:00:00:00:00:02", port: 2, weight: 1, vms: [] };

/** An appliance manager with one honest blade. */
class Target {
  readonly reports = new Map<string, Report[]>();
  readonly manager: ApplianceManager;
  readonly hub: PeerHub;
  word!: LinkWord;

  static async start(word: LinkWord, credentials: Credentials | null, ofBlade: Credentials | null): Promise<Target> {
    const target = await new Promise<Target>((resolve, reject) => {
      const made: Target = new Target(word, credentials, () => resolve(made), reject);
    });
    new FakeBlade(target.word, ofBlade, "ardsley");
    await until("ardsley is there", () => target.hub.blades.length === 1);
    assert.equal(await target.add(ARDSLEY), null);
    return target;
  }

  private constructor(word: LinkWord, credentials: Credentials | null, onListening: () => void, onFail: (problem: DobbsError) => void) {
    const journal = new LogJournal({ write: () => undefined });
    this.hub = new PeerHub({
      words: [word],
      credentials,
      charterOf: charterFor,
      receive: (blade, report) => {
        this.reports.get(blade)?.push(report);
        this.manager.receive(blade, report);
      },
      journal,
      onListening: (bound) => {
        this.word = bound;
        onListening();
      },
      onFail,
    });
    this.manager = new ApplianceManager({ clock: new RealClock(), peers: this.hub, journal, buckets: 16 });
  }

  add(blade: Blade): Promise<DobbsError | null> {
    return new Promise((resolve) => this.manager.addBlades([blade], resolve));
  }

  /** What it knows and intends. */
  knowledge(): unknown {
    const { blades, owners, generation, phase, waiting } = this.manager.status();
    return { generation, phase, waiting, owners, blades: blades.map(({ name, status, fenced }) => ({ name, status, fenced })), assignment: this.manager.assignment() };
  }

  close(): void {
    this.manager.stop();
    this.hub.close();
  }
}

interface Attack {
  readonly word: LinkWord;
  readonly credentials: Credentials | null;
  readonly ofBlade: Credentials | null;
  readonly open: (word: LinkWord) => RawStream;
  /** Mutated frames on one stream, at most. */
  readonly perStream: number;
  /** On TLS a link has the name of its certificate. */
  readonly nameOf: (stream: number) => string;
  readonly bad: (sequence: number, random: Random) => Uint8Array;
}

async function attack({ word, credentials, ofBlade, open, perStream, nameOf, bad }: Attack): Promise<void> {
  const target = await Target.start(word, credentials, ofBlade);
  after(() => target.close());
  const random = randomOf(SEED);
  const knowledge = target.knowledge();
  const one = async (stream: number): Promise<number> => {
    const blade = nameOf(stream);
    const reports: Report[] = [];
    target.reports.set(blade, reports);
    const good = [{ type: "join", blade, release: "0.1.0" }, { type: "message", to: APPLIANCE_MANAGER, message: REPORTS.sessions }, { type: "ping" }].slice(0, random(4));
    const goodFrames = good.map((words, at) => encodeFrame(FRAME_KIND.PEER, at + 1, Buffer.from(JSON.stringify(words))));
    const count = 1 + random(perStream);
    const badFrames = Array.from({ length: count }, (_, at) => bad(good.length + 1 + at, random));
    const raw = open(target.word).send(Buffer.concat([...goodFrames, ...badFrames]));
    raw.socket.end();
    await raw.ended;
    await until("the link is gone", () => !target.hub.blades.includes(blade));
    const expected = good.length > 1 ? [REPORTS.sessions] : [];
    assert.deepEqual(reports.slice(0, expected.length), expected, `seed ${SEED}, stream ${stream}`);
    for (const report of reports) assert.notEqual(asReport(report), null, `seed ${SEED}, stream ${stream}`);
    target.reports.delete(blade);
    return count;
  };
  let sent = 0;
  let stream = 0;
  let settled = 0;
  while (sent < MUTATED) {
    const batch = credentials ? [one(stream++)] : Array.from({ length: AT_ONCE }, () => one(stream++));
    sent += (await Promise.all(batch)).reduce((sum, count) => sum + count, 0);
    // Once everything is compiled and every pool has its size.
    if (settled === 0 && sent > MUTATED / 3) settled = memory();
  }
  const growth = memory() - settled;
  assert.ok(growth < GROWTH_MAX, `the heap has grown by ${growth} bytes`);
  assert.deepEqual(target.knowledge(), knowledge);
  if (credentials === null) {
    // And it works.
    new FakeBlade(target.word, null, "yonkers");
    await until("yonkers is there", () => target.hub.blades.includes("yonkers"));
    assert.equal(await target.add(YONKERS), null);
  }
}

const KINDS: Readonly<Record<string, Attack["bad"]>> = {
  frames: (sequence, random) =>
    mutated(encodeFrame(FRAME_KIND.PEER, sequence, Buffer.from(JSON.stringify(WORDS[random(WORDS.length)]))), sequence, random),
  "messages in valid frames": (sequence, random) => encodeFrame(FRAME_KIND.PEER, sequence, Buffer.from(mutatedWords(random), "latin1")),
};

describe(`${MUTATED.toLocaleString("en-US")} mutated`, () => {
  for (const [what, bad] of Object.entries(KINDS)) {
    test(`${what}, on a Unix socket`, async () => {
      const word: LinkWord = { kind: "unix", path: join(folder, `${what.length}.sock`) };
      await attack({
        word,
        credentials: null,
        ofBlade: null,
        open: () => RawStream.unix(word.path),
        perStream: 30,
        nameOf: (stream) => `m${stream}`,
        bad,
      });
    });

    test(`${what}, on TLS, by one who has a certificate`, async () => {
      await attack({
        word: { kind: "tls", host: "127.0.0.1", port: 0, node: null },
        credentials: manager,
        ofBlade: honest,
        open: (bound) => RawStream.tls((bound as { port: number }).port, mallory),
        perStream: 400,
        nameOf: () => "mallory",
        bad,
      });
    });
  }
});

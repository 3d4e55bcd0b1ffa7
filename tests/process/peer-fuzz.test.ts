/** 100,000 mutated messages in valid frames on each transport, and mutated frames, each of them looked at: what the appliance
 *  manager knows and intends stays as it is, it lives on, and its heap stays as it was. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DobbsError } from "../../host/errors.ts";
import type { Blade } from "../../host/model/appliance.ts";
import { LogJournal } from "../../host/process/log-journal.ts";
import { asPeerMessage, asReport } from "../../host/process/message-schema.ts";
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
import { edited, HANDOVER, ORDERS, placesIn, REPORTS } from "./samples.ts";

const SEED = 4_711;
const MUTATED = 100_000;
/** Mutated frames; tests/transport/fuzz.test.ts has more of them. */
const FRAMES = { unix: 5_000, tls: 500 } as const;
const AT_ONCE = 8;
const GROWTH_MAX = 16 * 1024 * 1024;
type Random = (below: number) => number;
const pick = <T>(items: readonly T[], random: Random): T => items[random(items.length)]!;

const folder = temporaryFolder();
const keysFolder = temporaryFolder();
let manager: Credentials;
/** Of those who belong to the appliance, and have gone bad. */
let mallories: Credentials[];
let honest: Credentials;

before(async () => {
  const keys = await Keys.make(keysFolder);
  manager = await keys.issue("manager", "am", ["127.0.0.1"]);
  mallories = [];
  for (let number = 0; number < AT_ONCE; number++) mallories.push(await keys.issue("blade", malloryName(number)));
  honest = await keys.issue("blade", "ardsley");
});

const malloryName = (number: number): string => `mallory-${number}`;

setFlagsFromString("--expose_gc");
const collect = runInNewContext("gc") as () => void;
function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What the traffic manager of `blade` may say, some of it in another one's name. */
const wordsOf = (blade: string): readonly unknown[] => [
  { type: "join", blade: "mallory", release: "0.1.0" },
  { type: "ping" },
  ...Object.values(REPORTS).map((message) => ({ type: "message", to: APPLIANCE_MANAGER, message })),
  { type: "message", to: "ardsley", message: REPORTS.sessions },
  { type: "message", to: "ardsley", message: HANDOVER },
  { type: "message", to: "ardsley", message: { ...HANDOVER, owner: blade } },
  { type: "message", to: "ardsley", message: ORDERS.install },
];
const JUNK: readonly unknown[] = [null, true, -1, 0.5, 1e300, 2 ** 53, "", "x".repeat(300), "__proto__", "ardsley", [], [[]], {}, { kind: "install" }];

/** Words of `blade` with something wrong, as text: mostly JSON. */
function mutatedWords(blade: string, random: Random): string {
  const words = pick(wordsOf(blade), random);
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

/** A report that might have been sent, with something in it that is not so: of another generation, say. */
function lie(random: Random): string {
  const reports = Object.values(REPORTS);
  for (;;) {
    let message: Report = reports[random(reports.length)]!;
    const places = [...placesIn(message)];
    message = edited(message, places[random(places.length)]!, (holder, last) => {
      const value = holder[last];
      if (typeof value === "number") holder[last] = random(2 ** 31);
      else if (typeof value === "boolean") holder[last] = !value;
      else if (typeof value === "string") holder[last] = ["ardsley", "yonkers", "x"][random(3)];
      else if (Array.isArray(value)) holder[last] = random(2) === 0 ? [] : [...value, ...value];
    });
    if (asReport(message) !== null) return JSON.stringify({ type: "message", to: APPLIANCE_MANAGER, message });
  }
}

/** What the hub would make of them, of the traffic manager of `blade`, which has joined; null: it refuses them. */
function taken(text: string, blade: string): ToManager | null {
  let words: ToManager;
  try {
    words = decodeToManager(Buffer.from(text, "latin1"));
  } catch (error) {
    assert.ok(error instanceof DobbsError);
    assert.equal(error.code, "E_LINK_PAYLOAD");
    return null;
  }
  if (words.type === "message") {
    const { to, message } = words;
    return (to === APPLIANCE_MANAGER ? asReport(message) : asPeerMessage(message, blade)) && words;
  }
  return words.type === "ping" ? words : null;
}

test(`${MUTATED.toLocaleString("en-US")} mutated messages: each is refused with its code, or is one that might have been sent`, () => {
  const random = randomOf(SEED);
  let count = 0;
  for (let i = 0; i < MUTATED; i++) if (taken(mutatedWords("ardsley", random), "ardsley")) count++;
  assert.ok(count > 0 && count < MUTATED / 4, `${count} were taken`);
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

/** What one stream says behind the words of an honest one: messages that are taken, and one frame that ends it. */
interface Bad {
  readonly taken: readonly string[];
  readonly last: Uint8Array;
}

interface Attack {
  readonly word: LinkWord;
  readonly credentials: Credentials | null;
  readonly ofBlade: Credentials | null;
  readonly open: (word: LinkWord, number: number) => RawStream;
  /** The appliance has so many blades: what is remembered of each does not add up. */
  readonly nameOf: (stream: number, number: number) => string;
  /** How many mutants are to be looked at. */
  readonly count: number;
  /** `sequence`: of the frame behind the honest ones of `blade`. */
  readonly bad: (blade: string, sequence: number, random: Random) => Bad;
}

const said = (words: unknown): string => JSON.stringify(words);

async function attack({ word, credentials, ofBlade, open, nameOf, count, bad }: Attack): Promise<void> {
  const target = await Target.start(word, credentials, ofBlade);
  after(() => target.close());
  const random = randomOf(SEED);
  const knowledge = target.knowledge();
  /** Returns how many mutants were looked at. */
  const one = async (stream: number, number: number): Promise<number> => {
    const blade = nameOf(stream, number);
    const reports: Report[] = [];
    target.reports.set(blade, reports);
    const joins = { type: "join", blade, release: "0.1.0" };
    const good = [joins, { type: "message", to: APPLIANCE_MANAGER, message: REPORTS.sessions }, { type: "ping" }].slice(0, 1 + random(3)).map(said);
    const { taken: lies, last } = bad(blade, good.length + 1, random);
    const frames = [...good, ...lies].map((text, at) => encodeFrame(FRAME_KIND.PEER, at + 1, Buffer.from(text, "latin1")));
    const raw = open(target.word, number).send(Buffer.concat([...frames, last]));
    raw.socket.end();
    const { refusal } = await raw.ended;
    await until("the link is gone", () => !target.hub.blades.includes(blade));
    // One that was cut off is not answered.
    assert.match(refusal ?? "E_LINK_CLOSED", /^E_(LINK|PEER)_/, `seed ${SEED}, stream ${stream}`);
    const expected = [...good.slice(1), ...lies].flatMap((text) => {
      const words = taken(text, blade);
      return words?.type === "message" && words.to === APPLIANCE_MANAGER ? [words.message] : [];
    });
    assert.deepEqual(reports, expected, `seed ${SEED}, stream ${stream}`);
    target.reports.delete(blade);
    return lies.length + 1;
  };
  let looked = 0;
  let stream = 0;
  let settled = 0;
  while (looked < count) {
    const batch = Array.from({ length: AT_ONCE }, (_, number) => one(stream++, number));
    looked += (await Promise.all(batch)).reduce((sum, each) => sum + each, 0);
    // Once everything is compiled and every pool has its size.
    if (settled === 0 && looked > count / 3) settled = memory();
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

function badFrame(blade: string, sequence: number, random: Random): Bad {
  let last: Uint8Array;
  do last = mutated(encodeFrame(FRAME_KIND.PEER, sequence, Buffer.from(said(pick(wordsOf(blade), random)))), sequence, random);
  while (last.length === 0);
  return { taken: [], last };
}

/** `lies`: at most so many, before one that is refused. */
function badMessages(lies: number): Attack["bad"] {
  return (blade, sequence, random) => {
    const all = Array.from({ length: random(lies + 1) }, () => lie(random));
    let text: string;
    while (taken((text = mutatedWords(blade, random)), blade)) all.push(text);
    return { taken: all, last: encodeFrame(FRAME_KIND.PEER, sequence + all.length, Buffer.from(text, "latin1")) };
  };
}

const onUnix = (name: string) => {
  const word: LinkWord = { kind: "unix", path: join(folder, name) };
  return {
    word,
    credentials: null,
    ofBlade: null,
    open: () => RawStream.unix(word.path),
    nameOf: (_: number, number: number) => malloryName(number),
  };
};
const onTls = () => ({
  word: { kind: "tls", host: "127.0.0.1", port: 0, node: null } as const,
  credentials: manager,
  ofBlade: honest,
  open: (bound: LinkWord, number: number) => RawStream.tls((bound as { port: number }).port, mallories[number]!),
  nameOf: (_: number, number: number) => malloryName(number),
});

/** A message that is refused ends its connection, and a connection over TLS takes a handshake: more lies there. */
const LIES = { unix: 4, tls: 120 } as const;

describe("on a link with the appliance manager, by one who may come in", () => {
  const number = (count: number): string => count.toLocaleString("en-US");

  test(`${number(MUTATED)} mutated messages in valid frames, on a Unix socket`, async () => {
    await attack({ ...onUnix("messages.sock"), count: MUTATED, bad: badMessages(LIES.unix) });
  });

  test(`${number(MUTATED)} mutated messages in valid frames, on TLS`, async () => {
    await attack({ ...onTls(), count: MUTATED, bad: badMessages(LIES.tls) });
  });

  test(`${number(FRAMES.unix)} mutated frames, on a Unix socket`, async () => {
    await attack({ ...onUnix("frames.sock"), count: FRAMES.unix, bad: badFrame });
  });

  test(`${number(FRAMES.tls)} mutated frames, on TLS`, async () => {
    await attack({ ...onTls(), count: FRAMES.tls, bad: badFrame });
  });
});

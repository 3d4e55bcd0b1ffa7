/**
 * Mutated management messages in valid frames, each of them answered, at a real shim with a real image: what the image has been
 * told stays as it was, the shim lives on, and its memory does not grow. (Frames are mutated in `host/native/shim/tests/link_fuzz`.)
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Flow } from "../../host/management/commands.ts";
import { ManagementSession, type OnResult, type Result } from "../../host/management/session.ts";
import { ShimChannel } from "../../host/shim/shim-channel.ts";
import { shimStatus } from "../../host/shim/shim-client.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import { encodeFrame, FRAME_KIND, FrameReader } from "../../host/transport/frame.ts";
import { Keys, randomOf, RawStream, temporaryFolder, until } from "../transport/support.ts";
import { bundleOf } from "./fake-shim.ts";
import { identityOf, realClock, spreadAssignment } from "./programming.ts";
import { noShim, RealShim } from "./real-shim.ts";

const SEED = 20_262;
const MUTATED = 100_000;
const LINKS = 3;
/** Requests of a link that are not answered yet; all links' together are fewer than wait for the image. */
const WINDOW = 16;
const GENERATION = 7;
const FLOWS = 200;
const GROWTH_MAX_KIB = 2 * 1024;
const NOISE_BYTES_MAX = 1_400;
type Random = (below: number) => number;

const folder = temporaryFolder();
const keysFolder = temporaryFolder();
const asked = <T>(ask: (onResult: OnResult<T>) => void): Promise<Result<T>> => new Promise((resolve) => ask(resolve));

async function valueOf<T>(ask: (onResult: OnResult<T>) => void): Promise<T> {
  const result = await asked(ask);
  assert.ok(result.ok, result.ok ? "" : result.refusal.text);
  return result.value;
}

describe(`${MUTATED.toLocaleString("en-US")} mutated management messages`, { skip: noShim }, () => {
  let shim: RealShim;
  let manager: Credentials;
  let channel: ShimChannel;
  let session: ManagementSession;
  let envelope: { readonly sequence: number; status(answer: Uint8Array): string };
  /** Every message that the image was given by an honest session. */
  const honest: Uint8Array[] = [];
  let lastSequence = 0;

  before(async () => {
    const keys = await Keys.make(keysFolder);
    await keys.issue("shim", "ardsley", ["127.0.0.1"]);
    manager = await keys.issue("manager", "ops");
    const own = join(keysFolder, "shim-ardsley");
    const firmware = join(folder, "blade.bundle");
    writeFileSync(firmware, bundleOf("emulated", "blade"));
    shim = await RealShim.start(
      ...["--firmware", firmware, "--name", "ardsley", "--link", `unix:${join(folder, "shim.sock")}`, "--link", "tls:127.0.0.1:0"],
      ...["--tls-ca", join(keysFolder, "ca.pem"), "--tls-cert", `${own}.pem`, "--tls-key", `${own}.key`],
    );
    channel = new ShimChannel({ word: shim.link("unix"), credentials: null });
    await until("the channel is up", () => channel.connected);
    const record = channel.layout.struct("Envelope");
    const numberAt = (bytes: Uint8Array, name: string, width: 2 | 4): number => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const { offset } = record.field(name);
      return width === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
    };
    envelope = {
      sequence: record.field("sequence").offset,
      status: (answer) => channel.layout.nameOf("Status", numberAt(answer, "status", 2)) ?? "?",
    };
    session = new ManagementSession(realClock, {
      get layout() {
        return channel.layout;
      },
      request: (message, onAnswer) => {
        honest.push(Uint8Array.from(message));
        channel.request(message, onAnswer);
      },
    });
    await valueOf<null>((on) => session.putIdentity(identityOf("blade"), on));
    await valueOf<null>((on) => session.putAssignment(spreadAssignment(GENERATION), on));
    await valueOf<null>((on) => session.putFilters([{ action: "drop", ethertype: 0x0806 }], on));
    const flows = Array.from({ length: FLOWS }, (_, at): Flow => ({
      state: "established", protocol: 6, client: `10.1.0.${at + 1}`, clientPort: 1_000 + at, vip: "192.0.2.1", vipPort: 80,
    }));
    assert.equal((await valueOf((on: OnResult<unknown[]>) => session.seed({ generation: GENERATION, owner: 0 }, flows, on))).length, FLOWS);
    await valueOf((on) => session.hello(on));
    lastSequence = Math.max(...honest.map((message) => numberAt(message, "sequence", 4)));
  });

  after(() => channel?.close());

  /** All that it can be asked for. */
  async function knowledge(): Promise<unknown> {
    const hello = await asked((on: OnResult<unknown>) => session.hello(on));
    const buckets = await valueOf((on) => session.buckets(0, 256, on));
    const flows = await valueOf((on: OnResult<object[]>) => session.list({}, on));
    return { hello, buckets, flows: flows.map((flow) => ({ ...flow, untouchedMs: null })) };
  }

  function residentKib(): number {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${shim.pid}/status`, "utf8"))![1]);
  }

  /** One that the image must refuse, or has carried out long ago. */
  function mutant(random: Random): Uint8Array {
    const bytes = Uint8Array.from(honest[random(honest.length)]!);
    const view = new DataView(bytes.buffer);
    switch (random(5)) {
      case 0: // said again
        return bytes;
      case 1: // neither magic nor version
        bytes[random(3)]! ^= 1 + random(255);
        return bytes;
      case 2: // cut off
        return bytes.slice(0, random(bytes.length));
      case 3: // changed, and not newer
        for (let flips = 1 + random(6); flips > 0; flips--) bytes[random(bytes.length)]! ^= 1 << random(8);
        view.setUint32(envelope.sequence, random(lastSequence + 1), true);
        return bytes;
      default: {
        const noise = Uint8Array.from({ length: 1 + random(NOISE_BYTES_MAX) }, () => random(256));
        // Not by accident.
        noise[0] = 0;
        return noise;
      }
    }
  }

  /** `count` mutants on one link. Counts each answer's status. */
  async function mistreat(raw: RawStream, count: number, random: Random, statuses: Map<string, number>): Promise<void> {
    const reader = new FrameReader({ kinds: [FRAME_KIND.MESSAGE, FRAME_KIND.ERROR], maxPayload: 2 ** 20 });
    let answers = 0;
    await new Promise<void>((resolve, reject) => {
      let sent = 0;
      const send = (): void => {
        for (; sent < count && sent - answers < WINDOW; sent++) raw.send(encodeFrame(FRAME_KIND.MESSAGE, sent + 1, mutant(random)));
      };
      raw.socket.on("data", (chunk) => {
        const refusal = reader.feed(chunk, ({ kind, payload }) => {
          answers++;
          const status = kind === FRAME_KIND.ERROR ? Buffer.from(payload).toString() : envelope.status(payload);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          return true;
        });
        if (refusal) return reject(refusal);
        send();
        if (answers === count) resolve();
      });
      raw.socket.on("close", () => reject(new Error(`closed after ${answers} answers`)));
      send();
    });
    raw.socket.destroy();
  }

  async function attack(open: () => RawStream): Promise<void> {
    const random = randomOf(SEED);
    const before = await knowledge();
    const statuses = new Map<string, number>();
    let settled = 0;
    // A first part of them, once every pool has its size, is what the rest is measured against.
    for (const share of [Math.ceil(MUTATED / 3 / LINKS), Math.ceil((2 * MUTATED) / 3 / LINKS)]) {
      settled = residentKib();
      await Promise.all(Array.from({ length: LINKS }, () => mistreat(open(), share, random, statuses)));
    }
    const growth = residentKib() - settled;
    assert.ok(growth < GROWTH_MAX_KIB, `its memory has grown by ${growth} KiB`);
    const answers = [...statuses.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(answers >= MUTATED, `${answers} were answered`);
    assert.ok(statuses.get("OK")! < MUTATED / 8, `as if it were news: ${statuses.get("OK")}`);
    for (const refused of ["BAD_LENGTH", "BAD_MAGIC", "BAD_VERSION", "STALE_SEQUENCE"]) assert.ok(statuses.get(refused)! > 0, refused);
    assert.deepEqual([...statuses.keys()].filter((status) => status.startsWith("{")), []);
    assert.deepEqual(await knowledge(), before);
    const status = await new Promise<{ restarts: number; lastTrap: unknown; swaps: number }>((resolve, reject) =>
      shimStatus({ word: shim.link("unix"), credentials: null }, (answer) => (answer.ok ? resolve(answer.value) : reject(answer.problem))),
    );
    assert.deepEqual([status.restarts, status.lastTrap, status.swaps], [0, null, 0]);
  }

  test("on a Unix socket", async () => {
    await attack(() => RawStream.unix(join(folder, "shim.sock")));
  });

  test("on TLS, from one who may program it", async () => {
    const { port } = shim.link("tls") as { port: number };
    await attack(() => RawStream.tls(port, manager));
  });
});

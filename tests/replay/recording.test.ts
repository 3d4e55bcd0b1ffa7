import assert from "node:assert/strict";
import { before, test } from "node:test";
import { readImage } from "../../host/boards/image-file.ts";
import { parseCapture } from "../../host/capture/capture.ts";
import { Firmware } from "../../host/engine/firmware.ts";
import { openEngine } from "../../host/engine/open.ts";
import { parseAppliance } from "../../host/model/appliance-file.ts";
import { starterFile } from "../../host/cli/starter.ts";
import { bladeSetup } from "../../host/supervisor/node-setup.ts";
import { bringIntoService } from "../../host/replay/setup.ts";
import { isRecording, LINKTYPE_MANAGEMENT, replayRecording } from "../../host/replay/recording.ts";
import { block, interfaceBlock, join } from "../capture/bytes.ts";
import { others, syns } from "../cli/traffic.ts";

const DIGEST = "ab".repeat(32);
const MANAGEMENT = 2;
const NOW = 5000;
const COMMENT = 1;

interface Packet {
  readonly interface: number;
  readonly bytes: Uint8Array;
  readonly comment: string;
  readonly wireLength?: number;
}

/** What a shim would have written of a blade that is brought into service, and gets a batch of clients' frames. */
let packets: Packet[];

function commentOption(text: string): readonly [number, Uint8Array] {
  return [COMMENT, new TextEncoder().encode(text)];
}

function recording(contents: readonly Packet[], section = `bundle ${DIGEST}`): Uint8Array {
  const withComment = (type: number, head: number[], bytes: Uint8Array, comment: string): Uint8Array => {
    const [code, value] = commentOption(comment);
    return block(true, type, (b) => b.u32(...head).raw(bytes).pad4().u16(code, value.length).raw(value).pad4().u16(0, 0));
  };
  const header = withComment(0x0a0d0d0a, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff], new Uint8Array(0), section);
  return join(
    header,
    interfaceBlock(true),
    interfaceBlock(true),
    interfaceBlock(true, [], { linkType: LINKTYPE_MANAGEMENT }),
    ...contents.map(({ interface: port, bytes, comment, wireLength = bytes.length }) =>
      withComment(6, [port, 0, 0, bytes.length, wireLength], bytes, comment),
    ),
  );
}

function fresh(): Firmware {
  return Firmware.load(openEngine("v8"), readImage("emulated", "blade"));
}

function replayed(contents: readonly Packet[]) {
  return replayFile(recording(contents));
}

function replayFile(file: Uint8Array, load: (digest: string) => Firmware = fresh) {
  return replayRecording(parseCapture(file, "r.pcapng", [LINKTYPE_MANAGEMENT]), load);
}

before(() => {
  const appliance = parseAppliance(starterFile("x"), "starter.yaml");
  const setup = bladeSetup({ appliance, seed: new Uint8Array(16), redirect: true }, appliance.blades[0]!);
  const firmware = fresh();
  packets = [];
  const manage = firmware.manage.bind(firmware);
  firmware.manage = (message, now) => {
    packets.push({ interface: MANAGEMENT, bytes: message.slice(), comment: `now=${now}` });
    return manage(message, now);
  };
  bringIntoService(firmware, setup, "blade", NOW);
  const frames = [...syns(), ...others()].map((bytes) => ({ port: 0, bytes }));
  for (const [batch, now] of [NOW + 1, NOW + 20].entries()) {
    const { verdicts } = firmware.process(frames, now);
    for (const [i, { verdict, drop }] of verdicts.entries()) {
      packets.push({ interface: 0, bytes: frames[i]!.bytes, comment: `now=${now} batch=${batch} verdict=${verdict} drop=${drop}` });
    }
  }
});

test("a recording gives the same verdicts again, frame by frame", () => {
  const result = replayed(packets);
  assert.deepEqual(result.differences, []);
  assert.equal(result.batches, 2);
  assert.equal(result.frames, 2 * (syns().length + others().length));
  assert.ok(result.verdicts["DELIVER"]! > 0 && result.verdicts["DROP"]! > 0 && Object.keys(result.verdicts).length > 2);
});

test("a verdict that is another one is told, with its packet's number", () => {
  const at = packets.findIndex(({ comment }) => comment.includes("verdict=DELIVER"));
  const changed = packets.with(at, { ...packets[at]!, comment: packets[at]!.comment.replace("DELIVER", "FLOOD") });
  assert.deepEqual(replayed(changed).differences, [{ packet: at + 1, recorded: "FLOOD", replayed: "DELIVER" }]);
});

test("without the management messages, the verdicts are others", () => {
  assert.ok(replayed(packets.filter(({ interface: port }) => port !== MANAGEMENT)).differences.length > 50);
});

test("a frame that no slot has room for is dropped by its length on the wire", () => {
  const long: Packet = { interface: 0, bytes: new Uint8Array(100), wireLength: 9000, comment: `now=${NOW + 30} batch=9 verdict=DROP drop=OVERSIZE` };
  assert.deepEqual(replayed([...packets, long]).differences, []);
});

test("a packet without a shim's comment is refused with its number", () => {
  const silent = packets.with(3, { ...packets[3]!, comment: "hello" });
  assert.throws(() => replayed(silent), { code: "E_RECORDING", message: /packet 4 / });
});

test("other firmware goes on with the requests that were kept for it", () => {
  const kept = packets.filter(({ interface: port }) => port === MANAGEMENT);
  const frames = packets.filter(({ interface: port }) => port !== MANAGEMENT);
  const other = "cd".repeat(32);
  const asked: string[] = [];
  const file = join(recording(packets), recording([...kept, ...frames], `bundle ${other}`));
  const result = replayFile(file, (digest) => (asked.push(digest), fresh()));
  assert.deepEqual(result.differences, []);
  assert.deepEqual([asked, result.bundles], [[DIGEST, other], [DIGEST, other]]);
  assert.equal(result.frames, 2 * frames.length);
});

test("a recording that does not say what ran is refused", () => {
  assert.throws(() => replayFile(recording(packets, "none")), { code: "E_RECORDING", message: /which bundle/ });
});

test("an ordinary capture is no recording, and a recording no ordinary capture", () => {
  assert.equal(isRecording(parseCapture(join(recording([]).subarray(0, 0), recordingOfEthernet()), "e.pcapng")), false);
  assert.throws(() => parseCapture(recording([]), "r.pcapng"), { code: "E_CAPTURE_LINKTYPE" });
});

function recordingOfEthernet(): Uint8Array {
  return join(block(true, 0x0a0d0d0a, (b) => b.u32(0x1a2b3c4d, 1, 0xffffffff, 0xffffffff)), interfaceBlock(true));
}

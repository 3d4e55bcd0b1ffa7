import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { readCapture } from "../../host/capture/capture.ts";
import { bytesToMac } from "../../host/model/address.ts";
import { pcap } from "../capture/bytes.ts";
import { assertFails, dobbs, dobbsJson, temporaryFolder } from "./run.ts";
import { atPort, BLADE_MACS, CLIENTS, others, pcapngOf, syns } from "./traffic.ts";

interface ReplayJson {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly framesCut: number;
  readonly framesLost: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly drops: Readonly<Record<string, number>>;
  readonly ports: readonly { readonly name: string; readonly in: number; readonly out: number }[];
}

const folder = temporaryFolder();
const BLADE = ["replay", "--appliance", "a.yaml", "--image", "blade"];
const SWITCH = ["replay", "--appliance", "a.yaml", "--image", "switch"];
const BLADES = Object.keys(BLADE_MACS) as (keyof typeof BLADE_MACS)[];

function path(name: string): string {
  return join(folder, name);
}

function sum(tally: Readonly<Record<string, number>>): number {
  return Object.values(tally).reduce((total, n) => total + n, 0);
}

/** One verdict a frame, one reason a drop, and the ports' counts agree. */
function assertSums(result: ReplayJson, framesIn: number): void {
  assert.equal(result.framesIn, framesIn);
  assert.equal(sum(result.verdicts), framesIn);
  assert.equal(sum(result.drops), result.verdicts["DROP"]);
  assert.equal(result.ports.reduce((total, port) => total + port.in, 0), framesIn);
  assert.equal(result.ports.reduce((total, port) => total + port.out, 0), result.framesOut);
  assert.equal(result.framesLost, 0);
}

before(() => {
  assert.equal(dobbs(folder, "init", "a.yaml").status, 0);
  writeFileSync(path("clients.pcapng"), pcapngOf(["eth0"], atPort(0, [...syns(), ...others()])));
  const records = syns().map((bytes, i) => ({ seconds: 1_700_000_000, fraction: i * 1000, bytes }));
  writeFileSync(path("clients.pcap"), pcap(records));
});

test("switch: each client's SYN leaves unchanged by the port of its bucket's blade; the sums match", () => {
  const result = dobbsJson<ReplayJson>(folder, ...SWITCH, "--in", "clients.pcapng", "--out", "steered.pcapng");
  assertSums(result, CLIENTS + others().length);
  assert.equal(result.verdicts["STEER"], CLIENTS + 1, "the SYNs and the ARP request");
  assert.deepEqual(result.ports.map(({ name }) => name), ["port0", "port1", "port2"]);
  assert.ok(result.ports[1]!.out > CLIENTS / 4 && result.ports[2]!.out > CLIENTS / 4, "both blades get their share");

  const { interfaces, frames } = readCapture(path("steered.pcapng"));
  assert.deepEqual(interfaces.map(({ name }) => name), ["port0", "port1", "port2"]);
  const sent = new Set([...syns(), ...others()].map((bytes) => Buffer.from(bytes).toString("hex")));
  assert.ok(frames.every(({ bytes }) => sent.has(Buffer.from(bytes).toString("hex"))));
  assert.equal(frames[0]!.timeNs, 1_700_000_000_000_000_000n);
});

test("blade: what the switch steers to it is delivered to its host's MAC, and nothing else is", () => {
  dobbs(folder, ...SWITCH, "--in", "clients.pcap", "--out", "steered.pcapng");
  const steered = readCapture(path("steered.pcapng")).frames;
  for (const [index, blade] of BLADES.entries()) {
    const mine = steered.filter((frame) => frame.interface === index + 1).map(({ bytes }) => bytes);
    writeFileSync(path("mine.pcapng"), pcapngOf(["wire"], atPort(0, mine)));
    const result = dobbsJson<ReplayJson>(folder, ...BLADE, "--blade", blade, "--in", "mine.pcapng", "--out", "delivered.pcapng");
    assertSums(result, mine.length);
    assert.equal(result.verdicts["DELIVER"], mine.length);
    const delivered = readCapture(path("delivered.pcapng"));
    assert.deepEqual(delivered.interfaces.map(({ name }) => name), ["wire", "host1"]);
    assert.ok(delivered.frames.every((frame) => frame.interface === 1 && bytesToMac(frame.bytes.subarray(0, 6)) === BLADE_MACS[blade]));
  }
});

test("blade: another blade's clients are sent on to it, with a tag; with --redirect off they are not", () => {
  const args = [...BLADE, "--blade", "ardsley", "--in", "clients.pcap", "--out", "on.pcapng"];
  const on = dobbsJson<ReplayJson>(folder, ...args);
  assertSums(on, CLIENTS);
  assert.ok(on.verdicts["REDIRECT"]! > CLIENTS / 4);
  assert.equal(on.verdicts["REDIRECT"]! + on.verdicts["DELIVER"]!, CLIENTS);
  const redirected = readCapture(path("on.pcapng")).frames.filter((frame) => frame.interface === 0);
  assert.equal(redirected.length, on.verdicts["REDIRECT"]);
  assert.ok(redirected.every(({ bytes }) => bytesToMac(bytes.subarray(0, 6)) === BLADE_MACS["dobbs-ferry"]));

  const off = dobbsJson<ReplayJson>(folder, ...args, "--redirect", "off");
  assertSums(off, CLIENTS);
  assert.equal(off.verdicts["REDIRECT"], 0);
});

test("what is dropped is told by reason", () => {
  const { verdicts, drops } = dobbsJson<ReplayJson>(folder, ...BLADE, "--blade", "ardsley", "--in", "clients.pcapng", "--out", "o.pcapng");
  assert.ok(verdicts["DROP"]! >= 3);
  for (const reason of ["BAD_ETHERNET", "BAD_IPV4", "NOT_VIP"]) assert.equal(drops[reason], 1, reason);
});

test("several interfaces: the interface's number is the port; one that the image does not have is shut", () => {
  const frames = [...atPort(0, syns().slice(0, 1)), ...atPort(1, syns().slice(1, 2)), ...atPort(5, syns().slice(2, 3))];
  writeFileSync(path("ports.pcapng"), pcapngOf(["a", "b", "c", "d", "e", "f"], frames));
  const result = dobbsJson<ReplayJson>(folder, ...SWITCH, "--in", "ports.pcapng", "--out", "o.pcapng");
  assert.equal(result.framesIn, 3);
  assert.equal(result.drops["PORT_SHUT"], 1);
  assert.deepEqual(result.ports.map((port) => port.in), [1, 1, 0]);
});

test("one interface: --port says where frames come in", () => {
  const fromHost = dobbsJson<ReplayJson>(folder, ...BLADE, "--blade", "ardsley", "--port", "1", "--in", "clients.pcap", "--out", "o.pcapng");
  assert.deepEqual(fromHost.ports.map((port) => port.in), [0, CLIENTS]);
});

test("both engines, and a second run: the same bytes and numbers", () => {
  const run = (engine: string, out: string): { result: object; bytes: Buffer } => {
    const json = dobbsJson<ReplayJson & { engine?: string; out?: string }>(
      folder, ...BLADE, "--blade", "ardsley", "--engine", engine, "--in", "clients.pcapng", "--out", out);
    assert.equal(json.engine, engine);
    return { result: { ...json, engine: "", out: "" }, bytes: readFileSync(path(out)) };
  };
  const wasmtime = run("wasmtime", "w.pcapng");
  assert.deepEqual(run("v8", "v.pcapng"), wasmtime);
  assert.deepEqual(run("wasmtime", "w2.pcapng"), wasmtime);
});

test("every board that is built", () => {
  for (const board of ["emulated", "linux-x86_64", "tiny"]) {
    const result = dobbsJson<ReplayJson>(folder, ...SWITCH, "--board", board, "--in", "clients.pcapng", "--out", "o.pcapng");
    assertSums(result, CLIENTS + others().length);
  }
});

test("text: verdicts, drop reasons, ports, and the file that was written", () => {
  const { status, stdout, stderr } = dobbs(folder, ...SWITCH, "--in", "clients.pcapng", "--out", "text.pcapng");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^104 frames of clients\.pcapng through the image of the switch/);
  assert.match(stdout, /^STEER +101$/m);
  assert.match(stdout, /^port0 +104 +\d+$/m);
  assert.match(stdout, /^Wrote text\.pcapng: \d+ frames\.$/m);
});

test("frames that the capture has cut go in as they are, and are counted", () => {
  const bytes = syns()[0]!;
  writeFileSync(path("snap.pcap"), pcap([{ seconds: 0, fraction: 0, bytes, wireLength: 1514 }]));
  assert.equal(dobbsJson<ReplayJson>(folder, ...SWITCH, "--in", "snap.pcap", "--out", "o.pcapng").framesCut, 1);
});

test("an empty capture is a replay of nothing", () => {
  writeFileSync(path("none.pcap"), pcap([]));
  assertSums(dobbsJson<ReplayJson>(folder, ...SWITCH, "--in", "none.pcap", "--out", "o.pcapng"), 0);
});

test("a capture that is cut off: E_CAPTURE_CUT_OFF, exit 2, nothing written", () => {
  const whole = readFileSync(path("clients.pcapng"));
  writeFileSync(path("cut.pcapng"), whole.subarray(0, whole.length - 5));
  assertFails(folder, [...SWITCH, "--in", "cut.pcapng", "--out", "never.pcapng"], {
    status: 2,
    code: "E_CAPTURE_CUT_OFF",
    message: /^cut\.pcapng is cut off/,
    mend: /again/,
  });
  assert.equal(existsSync(path("never.pcapng")), false);
});

/** what is wrong -> the arguments, and how it ends */
const WRONG: Record<string, readonly [args: readonly string[], code: string, message: RegExp, mend: RegExp]> = {
  "no capture": [[...SWITCH, "--in", "a.yaml"], "E_CAPTURE_FORMAT", /a\.yaml is neither pcap nor pcapng/, /tcpdump/],
  "a capture that is not there": [[...SWITCH, "--in", "no.pcap"], "E_CAPTURE_READ", /no\.pcap: there is no such file/, /path/],
  "a capture of another link": [[...SWITCH, "--in", "any.pcap"], "E_CAPTURE_LINKTYPE", /link type 113/, /Ethernet/],
  "several blades, none named": [[...BLADE, "--in", "clients.pcap"], "E_BLADE_UNKNOWN", /several blades/, /dobbs-ferry, ardsley/],
  "a blade that is not there": [[...BLADE, "--blade", "yonkers", "--in", "clients.pcap"], "E_BLADE_UNKNOWN", /"yonkers"/, /dobbs-ferry, ardsley/],
  "a board that is not there": [[...SWITCH, "--board", "toaster", "--in", "clients.pcap"], "E_BOARD_NOT_FOUND", /"toaster"/, /emulated/],
  "--port with several interfaces": [[...SWITCH, "--port", "1", "--in", "two.pcapng"], "E_USAGE", /one interface/, /--port/],
  "an appliance that is too large for the board": [
    ["replay", "--appliance", "large.yaml", "--image", "switch", "--board", "tiny", "--in", "clients.pcap"],
    "E_IMAGE_REFUSED",
    /ASSIGNMENT/,
    /./,
  ],
};
for (const [what, [args, code, message, mend]] of Object.entries(WRONG)) {
  test(`${what}: ${code}, exit 2, nothing written`, () => {
    writeFileSync(path("any.pcap"), pcap([], { linkType: 113 }));
    writeFileSync(path("two.pcapng"), pcapngOf(["a", "b"], []));
    writeFileSync(path("large.yaml"), readFileSync(path("a.yaml"), "utf8").replace("buckets: 256", "buckets: 65536"));
    assertFails(folder, [...args, "--out", "never.pcapng"], { status: 2, code, message, mend });
    assert.equal(existsSync(path("never.pcapng")), false);
  });
}

test("an appliance file with a fault: its line and field", () => {
  writeFileSync(path("bad.yaml"), readFileSync(path("a.yaml"), "utf8").replace("buckets: 256", "buckets: 257"));
  assertFails(folder, ["replay", "--appliance", "bad.yaml", "--image", "switch", "--in", "clients.pcap", "--out", "o"], {
    status: 2,
    code: "E_APPLIANCE_BUCKETS",
    message: /^bad\.yaml:\d+: buckets: 257 is not a power of two$/,
    mend: /256 or 512/,
  });
});

test("an output that cannot be written is E_FILE_WRITE", () => {
  assertFails(folder, [...SWITCH, "--in", "clients.pcap", "--out", "no/o.pcapng"], {
    status: 2,
    code: "E_FILE_WRITE",
    message: /no\/o\.pcapng/,
    mend: /folder/,
  });
});

/** `dobbs replay`: every frame of a capture through an image. */
import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { IMAGE_KINDS, type ImageKind, readImage } from "../boards/image-file.ts";
import { type Capture, readCapture } from "../capture/capture.ts";
import { PcapngWriter } from "../capture/pcapng-write.ts";
import type { EngineName } from "../engine/engine.ts";
import { Firmware } from "../engine/firmware.ts";
import { openEngine } from "../engine/open.ts";
import { DobbsError } from "../errors.ts";
import { concat } from "../management/records.ts";
import type { Appliance, Blade } from "../model/appliance.ts";
import { loadAppliance } from "../model/appliance-file.ts";
import { bladeSetup, type NodeSetup, switchSetup } from "../supervisor/node-setup.ts";
import { isRecording, LINKTYPE_MANAGEMENT } from "../replay/recording.ts";
import { imageTime, replay, type ReplayResult } from "../replay/replay.ts";
import { bringIntoService } from "../replay/setup.ts";
import { boardOption, engineOption, jsonOption, type JsonOption, redirectOption, wholeNumber } from "./options.ts";
import { print, printJson, table } from "./output.ts";
import { replayRecordingAction } from "./replay-recording.ts";

const HELP = `
The image is brought into service as on the appliance's first day: all blades active, every bucket
with one owner. Then each frame goes through it, at the time that the capture says. Which port it
comes in by:
  - the capture has several interfaces: the interface's number is the port's number;
  - it has one: --port, or else the wire of a blade (port 0), or the first uplink of a switch.
In the output, interface n is port n: "wire", "host1", ... of a blade, "port0", "port1", ... of a
switch. A hash seed that the appliance file leaves out is all zeros here, so that the same replay
gives the same bytes.

A recording (pcapng that dobbs-shim --record wrote, on real ports) has the management messages in it, and the
verdict of each frame: it is run again by the very bundle that the shim ran, and each verdict is compared.
It needs --in, and nothing else.

Examples:
  dobbs replay --in ardsley.pcapng
  dobbs replay --image blade --blade ardsley --appliance appliance.yaml --in wire.pcap --out out.pcapng
  dobbs replay --image switch --appliance appliance.yaml --in clients.pcapng --out out.pcapng --json

With --json: {"framesIn", "framesOut", "framesCut", "verdicts": {...}, "drops": {...}, "ports": [...],
...}. The verdicts add up to framesIn, the drop reasons to verdicts.DROP. framesCut counts frames that
the capture does not hold in full.

Exit codes: 0 done; 1 the image trapped, and lost frames ("framesLost"), or a verdict of a recording
differs ("differences"); 2 a file is missing, cut off
or wrong, and nothing was written.`;

const PORT_NUMBER_MAX = 254;

interface ReplayCommandOptions extends JsonOption {
  readonly image?: ImageKind;
  readonly appliance?: string;
  readonly bundle: readonly string[];
  readonly blade?: string;
  readonly board: string;
  readonly engine: EngineName;
  readonly redirect: boolean;
  readonly port?: number;
  readonly in: string;
  readonly out?: string;
}

/** Those of a capture that is no recording. */
type CaptureOptions = ReplayCommandOptions & { readonly image: ImageKind; readonly appliance: string; readonly out: string };

export function replayCommand(): Command {
  const bundle = new Option("--bundle <file>", "of a recording: a bundle that the shim ran, when it is neither beside it nor in build/bundles; may be repeated");
  return new Command("replay")
    .summary("run the frames of a capture through a firmware image")
    .description("Runs every frame of a capture through a firmware image, and writes what comes out as pcapng.")
    .addOption(new Option("--image <name>", "which image").choices(IMAGE_KINDS))
    .option("--appliance <file>", "the appliance that the image is part of")
    .option("--blade <name>", "with --image blade: which blade of the appliance it is (needed if there are several)")
    .addOption(boardOption())
    .addOption(engineOption())
    .addOption(redirectOption())
    .option("--port <n>", "the port that the frames of a capture with one interface come in by", portNumber)
    .requiredOption("--in <capture>", "pcap or pcapng, Ethernet; or a recording of dobbs-shim --record")
    .option("--out <file>", "pcapng to write")
    .addOption(bundle.argParser(collect).default([], "none"))
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(replayAction);
}

function replayAction(options: ReplayCommandOptions): void {
  const capture = readCapture(options.in, [LINKTYPE_MANAGEMENT]);
  if (isRecording(capture)) return replayRecordingAction(capture, options);
  replayCapture(capture, demandOptions(options));
}

/** What only a recording can do without. Throws E_USAGE. */
function demandOptions(options: ReplayCommandOptions): CaptureOptions {
  const { image, appliance, out } = options;
  if (image !== undefined && appliance !== undefined && out !== undefined) return { ...options, image, appliance, out };
  const missing = Object.entries({ "--image": image, "--appliance": appliance, "--out": out });
  const names = missing.filter(([, value]) => value === undefined).map(([name]) => name);
  throw new DobbsError("E_USAGE", `${options.in} is no recording of a shim, and ${names.join(", ")} is not given`, "See dobbs replay --help.");
}

function replayCapture(capture: Capture, options: CaptureOptions): void {
  const appliance = loadAppliance(options.appliance);
  const blade = options.image === "blade" ? bladeNamed(appliance, options) : undefined;
  const firmware = Firmware.load(openEngine(options.engine), readImage(options.board, options.image));

  const shared = { appliance, seed: seedOf(appliance), redirect: options.redirect };
  const setup = blade ? bladeSetup(shared, blade) : switchSetup(shared);
  bringIntoService(firmware, setup, options.image, imageTime(capture.frames[0]?.timeNs ?? 0n));

  const blocks: Uint8Array[] = [];
  const result = replay({
    firmware,
    capture,
    portNames: setup.identity.ports.map((_, port) => portName(options.image, port)),
    ingress: ingressOf(capture, setup, options),
    output: new PcapngWriter((block) => blocks.push(block)),
  });
  writeOut(options.out, concat(blocks));

  const { image, board, engine } = options;
  if (options.json) printJson({ image, board, engine, ...(blade && { blade: blade.name }), ...result, out: options.out });
  else print(textOf(result, options));
  if (result.framesLost > 0) process.exitCode = 1;
}

/** The blade that `--blade` names, or the only one. Throws E_BLADE_UNKNOWN. */
function bladeNamed({ blades }: Appliance, options: CaptureOptions): Blade {
  const name = options.blade ?? (blades.length === 1 ? blades[0]!.name : undefined);
  const found = blades.find((blade) => blade.name === name);
  if (found) return found;
  const message = name === undefined ? `${options.appliance} has several blades` : `${options.appliance} has no blade "${name}"`;
  throw new DobbsError("E_BLADE_UNKNOWN", message, `Name one with --blade: ${blades.map((blade) => blade.name).join(", ")}.`);
}

function seedOf({ seed }: Appliance): Uint8Array {
  return seed === undefined ? new Uint8Array(16) : Uint8Array.from(Buffer.from(seed, "hex"));
}

function ingressOf(capture: Capture, { identity }: NodeSetup, { port }: ReplayCommandOptions): (frame: { interface: number }) => number {
  if (capture.interfaces.length > 1) {
    if (port !== undefined) {
      const message = "--port is for captures with one interface; this one has several, and their numbers are the ports";
      throw new DobbsError("E_USAGE", message, "Leave --port out.");
    }
    if (capture.interfaces.length > PORT_NUMBER_MAX + 1) {
      const message = `the capture has ${capture.interfaces.length} interfaces, and there are ${PORT_NUMBER_MAX + 1} port numbers`;
      throw new DobbsError("E_CAPTURE_INTERFACES", message, "Split it, for example with: tshark -r <capture> -Y frame.interface_id==0 -w <part>");
    }
    return (frame) => frame.interface;
  }
  // A blade has no uplink, and its wire is port 0.
  const only = port ?? Math.max(0, identity.ports.indexOf("uplink"));
  return () => only;
}

function portName(image: ImageKind, port: number): string {
  if (image === "switch") return `port${port}`;
  return port === 0 ? "wire" : `host${port}`;
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** As a parser of an option's value. */
function portNumber(text: string): number {
  return wholeNumber(0, PORT_NUMBER_MAX)(text);
}

function writeOut(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw new DobbsError("E_FILE_WRITE", `cannot write ${path}: ${(error as Error).message}`, "Check that the folder exists and is yours.");
  }
}

function textOf(result: ReplayResult, { image, board, engine, in: input, out, blade }: CaptureOptions): string {
  const who = blade === undefined ? image : `${image} ${blade}`;
  const some = (tally: Readonly<Record<string, number>>): [string, number][] => Object.entries(tally).filter(([, n]) => n > 0);
  const parts = [
    `${result.framesIn} frames of ${input} through the image of the ${who} (board ${board}, ${engine})`,
    table([["verdict", "frames"], ...some(result.verdicts)]),
  ];
  if (some(result.drops).length > 0) parts.push(table([["dropped for", "frames"], ...some(result.drops)]));
  const ports = result.ports.filter((port) => port.in > 0 || port.out > 0);
  parts.push(table([["port", "in", "out"], ...ports.map((port) => [port.name, port.in, port.out])]));
  if (result.framesLost > 0) parts.push(`The image trapped, and ${result.framesLost} frames were lost. Report this with the capture.`);
  if (result.framesCut > 0) parts.push(`${result.framesCut} frames are not whole in the capture; what it has of them went in.`);
  parts.push(`Wrote ${out}: ${result.framesOut} frames.`);
  return parts.join("\n\n");
}

/** `dobbs emulate`: one scenario, on an emulated appliance. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { CaptureRequest } from "../emulator/capture-tap.ts";
import { faultsOf, runText } from "../emulator/report.ts";
import { emulate } from "../emulator/run.ts";
import { loadScenario, scenarioPath } from "../emulator/scenario-file.ts";
import type { EngineName } from "../engine/engine.ts";
import { engineOption, jsonOption, type JsonOption, redirectOption, seedOption } from "./options.ts";
import { print, printJson } from "./output.ts";

const HELP = `
Clients and servers are real TCP/IP stacks, their frames go through the real firmware images, and
the managers that reconfigure the appliance are the production code. Time is virtual: the same
scenario and seed give the same run, frame by frame, on either engine; the digest of all frames
tells.

Scenarios that come with Dobbs, by name:
  scale-up      one server; clients on long transfers; a second server joins, then a third
  scale-down    a server is drained for maintenance, and goes offline when its last connection closes
  deadline      the same, but some connections never close, and the deadline comes
  vm            buckets move between two VMs of one server
  ipv6          clients of both families; a server joins, and another one is drained
  udp-scale     the same with tunnels and QUIC connections
They are files in scenarios/; write your own after them.

Wires, for --capture: a blade's name is its wire to the switch (ardsley), with /host that to its
host (ardsley/host); a VM's name is the wire to it (dobbs-ferry/vm1). A wrong name gets you the list.

Examples:
  dobbs emulate scale-down
  dobbs emulate scale-down --redirect off          see the resets that redirection saves
  dobbs emulate scale-up --seed 7 --engine v8 --json
  dobbs emulate vm --capture dobbs-ferry=wire.pcapng --capture dobbs-ferry/vm2=vm2.pcapng
  dobbs emulate my-scenario.yaml

Exit codes: 0 done; 1 a connection was broken with redirection on, or an order was refused ("faults"
with --json); 2 the scenario is missing or wrong.`;

interface EmulateOptions extends JsonOption {
  readonly seed?: number;
  readonly engine: EngineName;
  readonly redirect: boolean;
  readonly capture: readonly CaptureRequest[];
}

export function emulateCommand(): Command {
  const capture = new Option("--capture <wire=file>", "write what goes over a wire as pcapng; may be repeated");
  return new Command("emulate")
    .summary("run a scenario on an emulated appliance, and show what became of it")
    .description("Runs a scenario on an emulated appliance, and shows what became of every connection.")
    .argument("<scenario>", "a scenario's name, or a scenario file (YAML)")
    .addOption(seedOption())
    .addOption(engineOption())
    .addOption(redirectOption())
    .addOption(capture.argParser(captureRequest).default([], "none"))
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(emulateAction);
}

function emulateAction(scenario: string, { seed, engine, redirect, capture, json }: EmulateOptions): void {
  const report = emulate({
    scenario: loadScenario(scenarioPath(scenario)),
    engine,
    redirect,
    captures: capture,
    ...(seed !== undefined && { seed }),
  });
  // Without redirection, connections are meant to break.
  const faults = redirect ? faultsOf(report) : [];
  if (json) printJson({ ...report, faults });
  else print([runText(report), ...faults.map((fault) => `FAULT ${fault}`)].join("\n"));
  if (faults.length > 0) process.exitCode = 1;
}

function captureRequest(text: string, before: readonly CaptureRequest[]): CaptureRequest[] {
  const [, wire, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (wire === undefined || path === undefined) throw new InvalidArgumentError("Write a wire's name, =, and a file: ardsley=wire.pcapng");
  return [...before, { wire, path }];
}

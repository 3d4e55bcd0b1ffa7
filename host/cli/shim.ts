/** `dobbs shim`: what a running shim says of itself. */
import { Command } from "commander";
import type { ShimStatus } from "../shim/answers.ts";
import { shimStatus } from "../shim/shim-client.ts";
import type { CredentialPaths } from "../transport/credentials.ts";
import { addTlsOptions, answered, shimAddress } from "./link-options.ts";
import { jsonOption, type JsonOption } from "./options.ts";
import { print, printJson, table } from "./output.ts";

const HELP = `
Columns: in, out: frames; oversize: longer than a slot, dropped; unready: came without its checksum, see
ethtool -K; failed: could not be sent; kernel: dropped before the shim saw them.

Examples:
  dobbs shim unix:/run/dobbs/ardsley.sock
  dobbs shim tls:10.0.0.7:7443#ardsley --tls-ca keys/ca.pem --tls-cert keys/manager-ops.pem \\
             --tls-key keys/manager-ops.key --json

Exit codes: 0 it has answered; 1 it cannot be reached, or does not let this certificate in (E_LINK_*);
2 wrong usage, or credentials that cannot be used (E_LINK_WORD, E_TLS_*).`;

interface ShimOptions extends JsonOption, CredentialPaths {}

export function shimCommand(): Command {
  const command = new Command("shim")
    .summary("show what a running shim says of itself")
    .description("Shows a running shim's firmware, ports and counters.")
    .argument("<link>", "where it listens: unix:/path, tls:host:port or tls:host:port#node");
  return addTlsOptions(command).addOption(jsonOption()).addHelpText("after", HELP).action(show);
}

async function show(link: string, { json, ...paths }: ShimOptions): Promise<void> {
  const address = shimAddress(link, paths);
  const status = await answered<ShimStatus>((onResult) => shimStatus(address, onResult));
  if (json) printJson(status);
  else print(textOf(status));
}

function textOf(status: ShimStatus): string {
  const { name, bundle, uptimeMs, restarts, framesLost, lastTrap, swaps, ports, links, frames } = status;
  const facts = table([
    ["firmware", `${bundle.kind}, board ${bundle.board}, release ${bundle.version}, digest ${bundle.digest.slice(0, 12)}`],
    ["up", duration(uptimeMs)],
    ["image", `${times(swaps, "swapped", "never swapped")}, ${times(restarts, "restarted by a trap", "never trapped")}`],
    ...(lastTrap === null ? [] : [["last trap", `${lastTrap} (${framesLost} frames lost)`]]),
    ["links", String(links)],
    ["batches", `${frames.batches.toLocaleString("en-US")}, with ${frames.in.toLocaleString("en-US")} frames in and ${frames.out.toLocaleString("en-US")} out`],
  ]);
  const heading = ["port", "", "in", "out", "oversize", "unready", "failed", "kernel"];
  const rows = ports.map((port) => [
    port.number, port.word, port.framesIn, port.framesOut, port.oversize, port.unready, port.sendFailed, port.kernelDropped,
  ]);
  return `${name}\n${facts}\n\n${table([heading, ...rows])}`;
}

function times(count: number, what: string, never: string): string {
  return count === 0 ? never : `${what} ${count === 1 ? "once" : `${count} times`}`;
}

function duration(ms: number): string {
  const s = Math.floor(ms / 1000);
  const parts = [[Math.floor(s / 86_400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]] as const;
  const from = parts.findIndex(([count]) => count > 0);
  return (from < 0 ? [parts[3]] : parts.slice(from, from + 2)).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

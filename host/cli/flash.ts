/** `dobbs flash`: gives a running shim other firmware. */
import { Command } from "commander";
import type { Bundle, BundleInfo } from "../bundle/bundle.ts";
import { bundleInfo } from "../bundle/bundle.ts";
import { bundleError } from "../bundle/bundle-error.ts";
import { readBundle } from "../bundle/bundle-file.ts";
import type { FlashResult, ShimStatus } from "../shim/answers.ts";
import { flashShim, shimStatus } from "../shim/shim-client.ts";
import type { CredentialPaths } from "../transport/credentials.ts";
import { addTlsOptions, answered, shimAddress } from "./link-options.ts";
import { jsonOption, type JsonOption } from "./options.ts";
import { print, printJson, table } from "./output.ts";

const HELP = `
The bundle is checked here first, and then by the shim, which compiles its image while packets flow on, and
swaps it in between two batches. An image with the same layout takes over identity and tables; one with
another layout starts empty and drops everything until its traffic manager has programmed it again, which
it does by itself. A bundle that is refused changes nothing.

Examples:
  dobbs flash build/bundles/linux-x86_64/blade.bundle --to unix:/run/dobbs/ardsley.sock
  dobbs flash blade.bundle --to tls:10.0.0.7:7443#ardsley --tls-ca keys/ca.pem \\
              --tls-cert keys/manager-ops.pem --tls-key keys/manager-ops.key

Exit codes: 0 the new firmware runs; 1 the shim cannot be reached, or refuses (E_LINK_*, E_BUNDLE_*, E_IMAGE_*);
2 this is no bundle, or not one for that shim.`;

interface FlashOptions extends JsonOption, CredentialPaths {
  readonly to: string;
}

export function flashCommand(): Command {
  const command = new Command("flash")
    .summary("give a running shim other firmware")
    .description("Sends a firmware bundle to a running shim, which swaps it in between two batches of packets.")
    .argument("<bundle>", "a file that `dobbs build` made")
    .requiredOption("--to <link>", "where the shim listens: unix:/path, tls:host:port or tls:host:port#node");
  return addTlsOptions(command).addOption(jsonOption()).addHelpText("after", HELP).action(flash);
}

async function flash(file: string, { to, json, ...paths }: FlashOptions): Promise<void> {
  const { bundle, bytes } = readBundle(file);
  const address = shimAddress(to, paths);
  const before = await answered<ShimStatus>((onResult) => shimStatus(address, onResult));
  refuseOtherKind(file, bundle, before);
  if (!json) print(plan(before, bundleInfo(bundle)));
  const onProgress = !json && process.stderr.isTTY ? progress : undefined;
  const result = await answered<FlashResult>((onResult) => flashShim(address, bytes, { onProgress }, onResult));
  if (json) printJson({ shim: before.name, before: before.bundle, after: result.bundle, tables: result.tables, pauseUs: result.pauseUs });
  else print(outcome(result));
}

/** The shim would refuse it as well, after all of it was sent. */
function refuseOtherKind(file: string, { manifest: { kind } }: Bundle, { name, bundle }: ShimStatus): void {
  if (kind === bundle.kind) return;
  throw bundleError("E_BUNDLE_KIND", `${file} is for a ${kind}, and ${name} is a ${bundle.kind}`);
}

function plan({ name, bundle }: ShimStatus, next: BundleInfo): string {
  const row = (what: string, { kind, board, version, digest }: BundleInfo): string[] => [what, kind, board, version, digest.slice(0, 12)];
  const same = bundle.digest === next.digest ? "\nThis very bundle runs there already." : "";
  return `${name}\n${table([row("  runs", bundle), row("  will run", next)])}${same}`;
}

function progress(sent: number, total: number): void {
  const kib = (bytes: number): number => Math.ceil(bytes / 1024);
  const last = sent === total;
  process.stderr.write(`\r  sent ${kib(sent)} of ${kib(total)} KiB${last ? "; the shim compiles it\n" : ""}`);
}

function outcome({ tables, pauseUs }: FlashResult): string {
  const pause = `Swapped in; no frame was processed for ${(pauseUs / 1000).toLocaleString("en-US", { maximumFractionDigits: 1 })} ms.`;
  if (tables === "kept") return `${pause}\nTables kept: it goes on where the old one was.`;
  return `${pause}\nTables lost: the layout is another one. It drops everything until its traffic manager has programmed it.`;
}

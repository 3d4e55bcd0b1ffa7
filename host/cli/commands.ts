/** The commands by name. Each is loaded when it is called: what a command uses costs a start of no other's. */
import type { Command } from "commander";

type Load = () => Promise<Command>;

/** In the order of the manual. */
const COMMANDS: ReadonlyMap<string, Load> = new Map<string, Load>([
  ["demo", async () => (await import("./demo.ts")).demoCommand()],
  ["emulate", async () => (await import("./emulate.ts")).emulateCommand()],
  ["simulate", async () => (await import("./simulate.ts")).simulateCommand()],
  ["init", async () => (await import("./init.ts")).initCommand()],
  ["inspect", async () => (await import("./inspect.ts")).inspectCommand()],
  ["replay", async () => (await import("./replay.ts")).replayCommand()],
  ["build", async () => (await import("./build.ts")).buildCommand()],
  ["flash", async () => (await import("./flash.ts")).flashCommand()],
  ["shim", async () => (await import("./shim.ts")).shimCommand()],
  ["keys", async () => (await import("./keys.ts")).keysCommand()],
  ["traffic-manager", async () => (await import("./traffic-manager.ts")).trafficManagerCommand()],
  ["lab", async () => (await import("./lab.ts")).labCommand()],
  ["serve", async () => (await import("./serve.ts")).serveCommand()],
  ["add", async () => (await import("./add.ts")).addCommand()],
  ["drain", async () => (await import("./drain.ts")).drainCommand()],
  ["remove", async () => (await import("./remove.ts")).removeCommand()],
  ["fail", async () => (await import("./fail.ts")).failCommand()],
  ["weight", async () => (await import("./weight.ts")).weightCommand()],
  ["move", async () => (await import("./move.ts")).moveCommand()],
  ["rebalance", async () => (await import("./move.ts")).rebalanceCommand()],
  ["status", async () => (await import("./status.ts")).statusCommand()],
  ["watch", async () => (await import("./watch.ts")).watchCommand()],
  ["filter", async () => (await import("./filter.ts")).filterCommand()],
  ["forward", async () => (await import("./forward.ts")).forwardCommand()],
  ["failover", async () => (await import("./failover.ts")).failoverCommand()],
]);

/** The command that `first`, the first word behind `dobbs`, calls; all of them when it calls none: for the manual, and for suggestions. */
export async function commandsFor(first: string | undefined): Promise<readonly Command[]> {
  const called = COMMANDS.get(first ?? "");
  return Promise.all(called ? [called()] : [...COMMANDS.values()].map((load) => load()));
}

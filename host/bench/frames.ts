/** The frames of a scenario, and a flow table filled as it asks. */
import type { Engine } from "../engine/engine.ts";
import type { Frame } from "../engine/firmware.ts";
import { bucketRequests } from "../management/commands.ts";
import { BUCKETS, GENERATION, HOST_PORT, OWNERS, PEER, ROUTER_MAC, SELF, UPLINK_PORT, VMAC, bladeSetup } from "./appliance.ts";
import { Batch, BATCH, type Frames } from "./batch.ts";
import { inOrder } from "./flows.ts";
import { BenchNode, NOW } from "./node.ts";
import type { Scenario } from "./scenarios.ts";
import { ACK, segment } from "./segment.ts";

/** `node`: of the scenario's image. */
export function framesOf(scenario: Scenario, engine: Engine, image: Uint8Array, node: BenchNode): Frames {
  if (scenario.frames === "host") return hostFrames(scenario.flags);
  const template = segment({ destination: VMAC, source: ROUTER_MAC, flags: scenario.flags, fromHost: false });
  if (scenario.image === "switch") return { template, port: UPLINK_PORT, fromHost: false };
  const wire = node.firmware.layout.constant("WIRE_PORT");
  if (scenario.frames === "client") return { template, port: wire, fromHost: false };
  const sentOn = redirect(node, { port: wire, bytes: template });
  const sentBack = redirect(previousOwner(scenario, engine, image), { port: wire, bytes: sentOn });
  return { template: sentBack, port: wire, fromHost: false };
}

function hostFrames(flags: number): Frames {
  const template = segment({ destination: ROUTER_MAC, source: OWNERS[SELF].mac, flags, fromHost: true });
  return { template, port: HOST_PORT, fromHost: true };
}

/** Puts flows into the table by what teaches it: segments that their host sends. */
export function hold(node: BenchNode, first: number, count: number): void {
  if (count === 0) return;
  const flows = inOrder(first, count);
  const batch = new Batch(node, hostFrames(ACK));
  for (let from = 0; from < count; from += BATCH) {
    batch.fill(flows, from);
    node.firmware.instance.process(0, Math.min(BATCH, count - from), NOW);
  }
}

/** The peer's blade, which holds no flow and knows it. */
function previousOwner({ history }: Scenario, engine: Engine, image: Uint8Array): BenchNode {
  const peer = new BenchNode(engine, image, bladeSetup(PEER, history));
  const scope = { generation: GENERATION, owner: 0 };
  peer.request(bucketRequests(peer.records, "COMPLETE", scope, [...inOrder(0, BUCKETS)]));
  return peer;
}

/** What a blade sends on of a frame. Only the firmware knows how a redirect tag is written. */
function redirect({ firmware }: BenchNode, frame: Frame): Uint8Array {
  const { verdicts, outputs } = firmware.process([frame], NOW);
  const [out] = outputs;
  if (!out || verdicts[0]?.verdict !== "REDIRECT") throw new Error(`not redirected: ${JSON.stringify(verdicts)}`);
  return out.bytes;
}

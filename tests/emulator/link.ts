/** A client and a host on one wire, with nothing between them but what a test does to the frames. */
import { ClientNode } from "../../host/emulator/client-node.ts";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { Fabric, type Side } from "../../host/emulator/fabric.ts";
import { HostNode } from "../../host/emulator/host-node.ts";
import { type ConnectionRecord, Ledger } from "../../host/emulator/ledger.ts";
import { unroutableCids } from "../../host/emulator/quic/cid.ts";
import { Random } from "../../host/emulator/random.ts";
import type { PlannedConnection } from "../../host/emulator/traffic.ts";
import { nativeBinding } from "../../host/engine/binding.ts";

export const CLIENT = { 4: "10.20.1.1", 6: "fd00:20::1:1" } as const;
export const ROAMING = { 4: "10.20.126.1", 6: "fd00:20::7e:1" } as const;
export const VIP = { 4: "10.20.0.1", 6: "fd00:20::1" } as const;
export { FAMILIES } from "../../host/emulator/address-plan.ts";
const CLIENT_MAC = "02:c1:0a:14:01:01";
const HOST_MAC = "02:d0:bb:00:01:01";
const TIMING = { latencyUs: 1_000, jitterUs: 200, loss: 0 };

/** What becomes of a frame: nothing, itself, or more. `from` 0: of the client. */
export type Tamper = (frame: Uint8Array, from: Side, timeUs: number) => readonly Uint8Array[];

export interface LinkOptions {
  readonly tamper?: Tamper;
  readonly loss?: number;
  /** When another host, which knows of nothing, takes the first one's place. */
  readonly replaceAtUs?: number;
}

export interface LinkRun {
  /** The host that served in the end. */
  readonly host: HostNode;
  readonly records: readonly ConnectionRecord[];
  /** Everything that was sent, before it was tampered with. */
  readonly frames: readonly { readonly timeUs: number; readonly from: Side; readonly frame: Uint8Array }[];
}

export function runLink(plans: readonly PlannedConnection[], untilUs: number, options: LinkOptions = {}): LinkRun {
  const clock = new VirtualClock();
  const random = new Random("link");
  const ledger = new Ledger(plans);
  const fabric = new Fabric(clock, random);
  const near = fabric.wire("near", { ...TIMING, loss: options.loss ?? 0 });
  const frames: LinkRun["frames"][number][] = [];
  fabric.tap((timeUs, wire, from, frame) => {
    if (wire === near) frames.push({ timeUs, from, frame });
  });
  const tamper = options.tamper ?? ((frame) => [frame]);
  let deliver: (frame: Uint8Array) => void = () => undefined;
  near.plug(1, (frame) => tamper(frame, 0, clock.now).forEach((each) => deliver(each)));
  const makeHost = (name: string): HostNode => {
    const wire = fabric.wire(name, { latencyUs: 0, jitterUs: 0, loss: 0 });
    // The host's own addresses: nobody else answers for them here.
    const addresses = [`${VIP[4]}/16`, `${VIP[6]}/64`];
    const host = new HostNode({
      clock, ledger, wire, side: 1, owner: name,
      stack: new (nativeBinding().Netstack)({ mac: HOST_MAC, addresses, seed: 1 }),
      vips: Object.values(VIP), random: random.fork(name), makeCid: unroutableCids(random.fork(`${name} cids`)),
      nicQueueUs: 0, readUs: 0,
    });
    wire.plug(0, (frame) => tamper(frame, 1, clock.now).forEach((each) => near.send(1, each)));
    deliver = (frame) => wire.send(0, frame);
    return host;
  };
  let host = makeHost("ardsley");
  const addresses = [`${CLIENT[4]}/16`, `${CLIENT[6]}/64`, `${ROAMING[4]}/16`, `${ROAMING[6]}/64`];
  const client = new ClientNode({
    clock, ledger, mac: CLIENT_MAC, random: random.fork("client"),
    stack: new (nativeBinding().Netstack)({ mac: CLIENT_MAC, addresses, seed: 2 }),
    transmit: (frame) => near.send(0, frame),
  });
  near.plug(0, (frame) => client.station.receive(frame));
  for (const record of ledger.records) clock.at(record.plan.startUs, () => client.open(record));
  if (options.replaceAtUs !== undefined) {
    clock.at(options.replaceAtUs, () => {
      host.station.powerOff();
      host = makeHost("irvington");
    });
  }
  clock.runUntil(untilUs);
  ledger.close(clock.now);
  return { host, records: ledger.records, frames };
}

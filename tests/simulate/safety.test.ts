/** The watcher sees what must not be, and calls nothing else so. Real scripted ends, and no network in between. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { TUNNEL_PORT, VIP4, VIP6 } from "../../host/simulate/appliance-plan.ts";
import type { Datagram } from "../../host/simulate/datagram.ts";
import { Host } from "../../host/simulate/host.ts";
import type { ImageNode } from "../../host/simulate/image-node.ts";
import { clientEnd, endOf } from "../../host/simulate/packet.ts";
import type { Parcel } from "../../host/simulate/parcel.ts";
import type { TcpFlowPlan, TcpStep } from "../../host/simulate/plan.ts";
import { Safety } from "../../host/simulate/safety.ts";
import { ACK, decodeSegment, NO_PAYLOAD, RST, SYN } from "../../host/simulate/segment.ts";
import { PORTS } from "../../host/simulate/services.ts";
import type { TcpSocket } from "../../host/simulate/tcp-socket.ts";
import { TcpFlow } from "../../host/simulate/tcp-flow.ts";
import { TunnelFlow } from "../../host/simulate/tunnel-flow.ts";
import { Tunnel } from "../../host/simulate/tunnels.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import { initialState } from "../../host/supervisor/initial-state.ts";
import { beginForget } from "../../host/supervisor/reconfiguration.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";

const MACS = { ardsley: "02:b1:00:00:00:01", rye: "02:b1:00:00:00:02" } as const;
type Name = keyof typeof MACS;
const CLIENT = clientEnd(VIP4, VIP6, 4, 0, 5);
const WIRE_US = 1_000;
const FIRST_DAY = { buckets: 8, assigner: "balanced", switches: [], filters: [], forward: [], byLoad: false } as const;

/** A client and two hosts, either of which a test gives the client's segments to. */
class Rig {
  readonly clock = new VirtualClock();
  readonly safety: Safety;
  readonly hosts: Record<Name, Host>;
  readonly flow: TcpFlow;
  readonly alive = new Set<string>(["ardsley", "rye"]);
  /** Rows that NICs have evicted. */
  forgotten = 0;
  /** Who gets what the client sends. */
  to: Name = "ardsley";

  constructor(steps: readonly TcpStep[] = [{ do: "exchange", bytes: 20 }, { do: "hold" }, { do: "exchange", bytes: 5 }, { do: "close" }]) {
    this.safety = new Safety(this.clock, (blade) => this.alive.has(blade), () => 0, () => this.forgotten);
    this.hosts = { ardsley: this.#host("ardsley"), rye: this.#host("rye") };
    const plan: TcpFlowPlan = {
      kind: "tcp", id: 9, family: 4, site: 0, client: 5, clientPort: 4_000, vipPort: PORTS.echo, after: null, startUs: 0, early: 0, extended: false, steps,
    };
    this.flow = new TcpFlow(plan, CLIENT, endOf("02:d0:bb:00:00:01", VIP4), 1_000, {
      clock: this.clock,
      send: (parcel) => {
        const { to } = this;
        this.clock.after(WIRE_US, () => this.give(to, parcel));
      },
      isReleased: () => false,
      onCorrupt: () => this.safety.violate("corrupt", 9, ""),
      onEnded: (flow, how) => this.safety.onEnded(flow, how),
      onOver: () => undefined,
    });
    this.safety.register(this.flow);
  }

  #host(name: Name): Host {
    const { safety, clock } = this;
    const ends = { 4: endOf(MACS[name], VIP4), 6: endOf(MACS[name], VIP6) };
    const world = {
      clock,
      clientOf: () => CLIENT,
      watch: (host: Host, segment: Parameters<Safety["watch"]>[1]) => safety.watch(host, segment),
      watchError: safety.watchError.bind(safety),
      watchDatagram: safety.watchDatagram.bind(safety),
      onTunnel: safety.onTunnel.bind(safety),
      watchQuic: safety.watchQuic.bind(safety),
      onQuic: safety.onQuic.bind(safety),
      onAccepted: safety.onAccepted.bind(safety),
      onCorrupt: () => safety.violate("corrupt", null, ""),
    };
    return new Host(name, name, ends, name.length, null, world, ({ bytes }) => clock.after(WIRE_US, () => this.flow.receive(decodeSegment(bytes)!, bytes)));
  }

  /** As a blade does: the destination becomes the owner's MAC. */
  give(name: Name, parcel: Parcel): void {
    const bytes = parcel.bytes.slice();
    bytes.set(endOf(MACS[name], VIP4).mac);
    this.hosts[name].receive({ ...parcel, bytes });
  }

  pass(us: number): void {
    this.clock.runUntil(this.clock.now + us);
  }

  kinds(): string[] {
    return this.safety.violations.map(({ kind, flow }) => `${kind} ${flow}`);
  }

  saved(part: Partial<ApplianceState>): void {
    this.safety.onSaved({ ...initialState(FIRST_DAY), ...part });
  }
}

function connected(): Rig {
  const rig = new Rig();
  rig.flow.open();
  rig.pass(100_000);
  assert.deepEqual(rig.kinds(), []);
  assert.ok(rig.flow.isEstablished);
  return rig;
}

/** The first packet of a session over UDP that the watcher knows of. */
function tunnelTo({ safety, clock }: Rig): Datagram {
  const plan = { kind: "tunnel", id: 3, family: 4, site: 0, client: 5, clientPort: 4_000, vipPort: TUNNEL_PORT, pieces: null, startUs: 0, count: 1, gapUs: 1 } as const;
  const world = { clock, send: () => undefined, isReleased: () => false, onRefused: () => undefined };
  safety.registerTunnel(new TunnelFlow(plan, CLIENT, endOf("02:d0:bb:00:00:01", VIP4), world));
  return { kind: "open", number: 0, session: 0, family: 4, source: CLIENT.key, destination: 0, sourcePort: 4_000, destinationPort: TUNNEL_PORT };
}

describe("a connection", () => {
  test("of one host, from its SYN to its end, is nothing to speak of", () => {
    const rig = new Rig([{ do: "exchange", bytes: 300 }, { do: "close" }]);
    rig.flow.open();
    rig.pass(5_000_000);
    assert.deepEqual([rig.kinds(), rig.flow.outcome], [[], "done"]);
  });

  test("whose segment draws a RST of another host is reset", () => {
    const rig = connected();
    rig.to = "rye";
    rig.flow.release();
    rig.pass(500_000);
    assert.deepEqual([...new Set(rig.kinds())], ["reset 9"]);
    assert.match(rig.safety.violations[0]!.what, /^rye answers .* with RST; ardsley has the connection$/);
  });

  test("whose SYN another host answers too has two", () => {
    const rig = new Rig();
    const syns: Parcel[] = [];
    const give = rig.give.bind(rig);
    rig.give = (name, parcel) => {
      syns.push(parcel);
      give(name, parcel);
    };
    rig.flow.open();
    rig.pass(50_000);
    give("rye", syns[0]!);
    assert.deepEqual(rig.kinds(), ["wrong-host 9"]);
  });

  test("whose SYN comes late to a host that nobody hears has one", () => {
    const rig = new Rig();
    const syns: Parcel[] = [];
    const give = rig.give.bind(rig);
    rig.give = (name, parcel) => {
      syns.push(parcel);
      give(name, parcel);
    };
    rig.flow.open();
    rig.pass(50_000);
    rig.saved({ fenced: { rye: { port: 2, opensAt: null } } });
    give("rye", syns[0]!);
    assert.deepEqual(rig.kinds(), []);
  });

  test("that is reset by what a host has said before one had it was not yet anyone's promise", () => {
    for (const early of [true, false]) {
      const rig = new Rig();
      const ends = { family: 4, source: CLIENT.key, destination: endOf(MACS.rye, VIP4).key, sourcePort: 4_000, destinationPort: PORTS.echo } as const;
      const segment = { ...ends, flags: ACK, seq: rig.flow.iss + 5, ack: 1, window: 0, payload: NO_PAYLOAD };
      const onAnswer = rig.safety.watch(rig.hosts.rye, segment)!;
      if (early) onAnswer({ ...segment, flags: RST });
      rig.flow.open();
      rig.pass(100_000);
      rig.safety.onEnded(rig.flow, "refused");
      assert.deepEqual([rig.kinds(), rig.flow.outcome], [early ? [] : ["reset 9"], "refused"]);
    }
  });

  test("of a blade that has died, was declared failed or cut is nobody's promise", () => {
    for (const lose of [
      (rig: Rig) => rig.safety.onCrash("ardsley"),
      (rig: Rig) => rig.saved({ fenced: { ardsley: { port: 1, opensAt: null } } }),
      (rig: Rig) => rig.saved({ cuts: { ardsley: 1 } }),
    ]) {
      const rig = connected();
      lose(rig);
      rig.to = "rye";
      rig.flow.release();
      rig.pass(500_000);
      assert.deepEqual([rig.kinds(), rig.flow.outcome], [[], "cut"]);
    }
  });

  test("whose SYN was on its way to the host of a blade that was failed is nobody's promise when the blade is back", () => {
    for (const deliveredUs of [100, 101]) {
      const ends = { family: 4, source: CLIENT.key, destination: endOf(MACS.rye, VIP4).key, sourcePort: 4_000, destinationPort: PORTS.echo } as const;
      const rig = new Rig();
      rig.clock.runUntil(100);
      rig.saved({ fenced: { ardsley: { port: 1, opensAt: null } } });
      rig.saved({});
      const syn = { ...ends, flags: SYN, seq: rig.flow.iss, ack: 0, window: 0, payload: NO_PAYLOAD };
      rig.safety.onAccepted(rig.hosts.ardsley, { isLive: true } as TcpSocket, syn, deliveredUs);
      rig.safety.watch(rig.hosts.rye, { ...syn, flags: ACK })?.({ ...syn, flags: RST });
      assert.deepEqual(rig.kinds(), deliveredUs > 100 ? ["reset 9"] : []);
    }
  });

  test("of a blade that another one was declared failed for is one", () => {
    const rig = connected();
    rig.saved({ fenced: { rye: { port: 2, opensAt: null } } });
    rig.to = "rye";
    rig.flow.release();
    rig.pass(500_000);
    assert.equal(rig.kinds()[0], "reset 9");
  });

  test("whose SYN was on its way to a host that was pushed out of the history is nobody's promise, unless that was without force", () => {
    for (const force of [true, false]) {
      const rig = new Rig();
      const owners = (["ardsley", "rye"] as const).map((name, port) => ({ name, blade: name, mac: MACS[name], port, since: 1 }));
      const assigned = (generation: number, owner: number): Assignment => ({ generation, owners, buckets: Array.from({ length: 8 }, () => [owner]) });
      const [last, next] = [assigned(1, 0), assigned(2, 1)];
      const blades = ["ardsley", "rye"];
      const { state } = beginForget({ view: { ...initialState(FIRST_DAY).view, ...(force && { force }) }, last, blades, steers: true, now: 0 }, next);
      rig.saved({ assignment: last });
      rig.saved({ assignment: next, running: { kind: "reconfiguration", state, task: null } });
      rig.flow.open();
      rig.pass(100_000);
      rig.to = "rye";
      rig.flow.release();
      rig.pass(500_000);
      assert.deepEqual([...new Set(rig.kinds())], force ? [] : ["reset 9"]);
    }
  });

  test("is not let go offline with its blade, unless that was said", () => {
    const rig = connected();
    rig.safety.onOffline("ardsley", 0);
    assert.deepEqual(rig.kinds(), ["offline-live 9"]);
    const cut = connected();
    cut.saved({ cuts: { ardsley: 1 } });
    cut.safety.onOffline("ardsley", 1);
    assert.deepEqual(cut.kinds(), []);
  });

  test("that is closed in order while something is missing has lost it", () => {
    const rig = connected();
    rig.safety.onEnded(rig.flow, "closed");
    assert.deepEqual(rig.kinds(), []);
    const early = new Rig([{ do: "exchange", bytes: 20 }, { do: "close" }]);
    early.flow.open();
    early.pass(3_000);
    early.safety.onEnded(early.flow, "closed");
    assert.deepEqual(early.kinds(), ["payload-lost 9"]);
  });
});

test("an error goes to the host whose packet it quotes, unless it comes late to one that nobody hears", () => {
  const rig = connected();
  const quote = { client: CLIENT.key, clientPort: 4_000, vipPort: PORTS.echo } as const;
  rig.safety.watchError(rig.hosts.ardsley, quote);
  assert.deepEqual(rig.kinds(), []);
  rig.safety.watchError(rig.hosts.rye, quote);
  assert.deepEqual(rig.kinds(), ["wrong-host 9"]);
  const late = connected();
  late.saved({ fenced: { rye: { port: 2, opensAt: null } } });
  late.safety.watchError(late.hosts.rye, quote);
  assert.deepEqual(late.kinds(), []);
});

test("a session over UDP is nobody's promise when the NIC forgot its first packet before the host has had it", () => {
  for (const deliveredUs of [100, 101]) {
    const rig = new Rig();
    const { safety, hosts, clock } = rig;
    const packet = tunnelTo(rig);
    clock.runUntil(100);
    safety.onRestart("ardsley");
    clock.runUntil(200);
    safety.onTunnel(hosts.ardsley, new Tunnel(1, clock), packet, deliveredUs);
    safety.watchDatagram(hosts.rye, packet)?.({ kind: "reply", number: 0, session: 7 });
    assert.deepEqual(safety.violations.map(({ kind }) => kind), deliveredUs > 100 ? ["wrong-host"] : []);
  }
});

test("a session over UDP that a host opens behind a shut port is nobody's promise, also when its blade may soon be back", () => {
  for (const fenced of [{}, { ardsley: { port: 1, opensAt: 8 } }] as ApplianceState["fenced"][]) {
    const rig = new Rig();
    const packet = tunnelTo(rig);
    rig.saved({ fenced });
    rig.safety.onTunnel(rig.hosts.ardsley, new Tunnel(1, rig.clock), packet, 0);
    rig.saved({});
    rig.safety.watchDatagram(rig.hosts.rye, packet)?.({ kind: "reply", number: 0, session: 7 });
    assert.deepEqual(rig.kinds(), "ardsley" in fenced ? [] : ["wrong-host 3"]);
  }
});

test("a session over UDP is nobody's promise where a NIC has evicted rows", () => {
  for (const forgotten of [0, 1]) {
    const rig = new Rig();
    const packet = tunnelTo(rig);
    rig.safety.onTunnel(rig.hosts.ardsley, new Tunnel(1, rig.clock), packet, 0);
    rig.forgotten = forgotten;
    rig.safety.watchDatagram(rig.hosts.rye, packet)?.({ kind: "reply", number: 0, session: 7 });
    assert.deepEqual(rig.safety.violations.map(({ kind }) => kind), forgotten === 0 ? ["wrong-host"] : []);
  }
});

test("a blade is declared falsely when it lives, and once", () => {
  const rig = connected();
  for (let i = 0; i < 3; i++) rig.saved({ fenced: { ardsley: { port: 1, opensAt: null } } });
  rig.alive.delete("rye");
  rig.saved({ fenced: { rye: { port: 2, opensAt: null } } });
  assert.equal(rig.safety.falseDeclarations, 1);
});

test("a frame may be redirected 5 times, and no more", () => {
  const rig = new Rig();
  const redirected = (redirects: number): void => rig.safety.onRedirect({ name: "rye" } as ImageNode, { bytes: new Uint8Array(0), id: 1, flow: 9, redirects });
  for (let i = 1; i <= 5; i++) redirected(i);
  assert.deepEqual(rig.kinds(), []);
  redirected(6);
  assert.deepEqual(rig.kinds(), ["redirects 9"]);
});

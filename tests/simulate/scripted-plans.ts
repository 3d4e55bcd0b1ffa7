/**
 * Plans that are written by hand, each for a mutant that random ones do not come by: the frames that show it have to be late at the
 * right moment. One bucket, and one client's frames. A wire is late by a random time, so each plan has a seed with which it comes out.
 */
import { TUNNEL_PORT } from "../../host/simulate/appliance-plan.ts";
import type { FaultPlan, FlowPlan, OrderPlan, Plan, TcpFlowPlan, TcpStep, TunnelFlowPlan } from "../../host/simulate/plan.ts";
import { PORTS } from "../../host/simulate/services.ts";
import type { Timing } from "../../host/supervisor/timing.ts";

const MS = 1_000;
const STAYS: readonly TcpStep[] = [{ do: "exchange", bytes: 100 }, { do: "hold" }, { do: "exchange", bytes: 50 }, { do: "close" }];
const IS_RESET: readonly TcpStep[] = [{ do: "exchange", bytes: 20 }, { do: "abort" }];
const UPLINK = "up/0/";

interface Script {
  readonly seed: number;
  readonly blades: readonly string[];
  readonly timing: Partial<Timing>;
  readonly hostQueueUs?: number;
  readonly flows: readonly FlowPlan[];
  readonly orders: readonly OrderPlan[];
  readonly faults: readonly FaultPlan[];
  readonly calmMs: number;
}

function scripted({ seed, blades, timing, hostQueueUs = 100, flows, orders, faults, calmMs }: Script): Plan {
  return {
    seed,
    topology: {
      buckets: 1,
      hash: "mix",
      sites: 1,
      switches: ["west"],
      blades: blades.map((name) => ({ name, vms: 0, starts: true, skew: { ppm: 0, aheadMs: 0 } })),
      batchUs: 10,
      hostQueueUs,
      wireUs: 50,
      timing: { pollMs: 20, retryMs: 20, prepareMs: 500, installMs: 200, forgetMs: 5, silentMs: 2_000, checkMs: 50, ...timing },
      quic: false,
      cramped: false,
      failMs: null,
    },
    flows,
    orders,
    faults,
    calmUs: calmMs * MS,
  };
}

function connection(id: number, startMs: number, part: Partial<TcpFlowPlan> = {}): TcpFlowPlan {
  const client = { family: 4, site: 0, client: 5, clientPort: 40_000, vipPort: PORTS.echo } as const;
  return { kind: "tcp", id, after: null, startUs: startMs * MS, early: 0, extended: false, steps: STAYS, ...client, ...part };
}

/** A session over UDP, with a packet every `gapMs`. */
function session(id: number, startMs: number, gapMs: number): TunnelFlowPlan {
  const client = { family: 4, site: 0, client: 5, clientPort: 40_000, vipPort: TUNNEL_PORT } as const;
  return { kind: "tunnel", id, ...client, pieces: null, startUs: startMs * MS, count: 5, gapUs: gapMs * MS };
}

function move(atMs: number, blade: string): OrderPlan {
  return { kind: "move", buckets: [0], blade, atUs: atMs * MS, force: false };
}

/** All frames of a wire are late by up to `byMs`; those that overtake them are not. */
function late(link: string, fromMs: number, toMs: number, byMs: number): FaultPlan {
  return { kind: "delay", link, share: 1, us: byMs * MS, fromUs: fromMs * MS, toUs: toMs * MS };
}

function lost(link: string, fromMs: number, toMs: number): FaultPlan {
  return { kind: "loss", link, share: 1, fromUs: fromMs * MS, toUs: toMs * MS };
}

/** The switch cannot be programmed. */
function stale(node: string, fromMs: number, toMs: number): FaultPlan {
  return { kind: "message-loss", node, share: 1, fromUs: fromMs * MS, toUs: toMs * MS };
}

const THREE = ["ardsley", "bedford", "croton"];

/**
 * A SYN is on its way to bedford while the bucket moves to croton, and croton is failed, alive. The switch is stale: it goes on bringing
 * croton everything. The SYN arrives; bedford knows that the bucket is ardsley's, and sends it there. What the client sends
 * next comes to croton.
 */
export const FAILED_WITHOUT_FENCE = scripted({
  seed: 1,
  blades: THREE,
  timing: {},
  flows: [connection(1, 995)],
  orders: [move(500, "bedford"), move(1_000, "croton"), { kind: "fail", blade: "croton", atUs: 1_300 * MS, force: false }],
  faults: [late("wire/bedford/", 990, 999, 600), lost(UPLINK, 999, 1_360), stale("west", 1_250, 3_000)],
  calmMs: 4_000,
});

/** The same, with a deadline: croton's traffic manager is dead when it is drained, so its NIC does not know. */
export const CUT_WITHOUT_FENCE = scripted({
  seed: 5,
  blades: THREE,
  timing: { silentMs: 100, installMs: 400 },
  flows: [connection(1, 995)],
  orders: [move(500, "bedford"), move(1_000, "croton"), { kind: "drain", blade: "croton", deadlineMs: 50, atUs: 1_250 * MS, force: false }],
  faults: [
    late("wire/bedford/", 990, 999, 1_400),
    lost(UPLINK, 999, 1_950),
    { kind: "kill", manager: "croton", when: { atUs: 1_050 * MS }, downUs: 2_500 * MS },
    stale("west", 1_200, 3_000),
  ],
  calmMs: 4_000,
});

/**
 * Croton's report that it has drained is late. Meanwhile the bucket comes back to it, and is moved away again, which its NIC does not
 * know, for nothing reaches its traffic manager any more. When the report comes, croton would be forgotten; and a SYN arrives
 * that was on its way to it.
 */
export const REPORT_OF_AN_OLD_GENERATION = scripted({
  seed: 2,
  blades: ["ardsley", "croton"],
  timing: { pollMs: 300, installMs: 100 },
  flows: [connection(1, 1_598)],
  orders: [move(500, "croton"), move(1_000, "ardsley"), move(1_260, "croton"), move(1_610, "ardsley")],
  faults: [
    { kind: "mail-delay", who: "croton", share: 1, us: 900 * MS, fromUs: 1_200 * MS, toUs: 1_250 * MS },
    late("wire/croton/", 1_590, 1_600, 1_400),
    lost(UPLINK, 1_600, 2_300),
    // From the moment at which it has said that it is prepared.
    { kind: "mail-loss", who: "croton", share: 1, fromUs: 1_611_900, toUs: 3_200 * MS },
  ],
  calmMs: 4_000,
});

/**
 * Two tuples are used again when croton has lost the bucket, and still has their rows. Both SYNs are between NIC and host when it seals
 * the bucket and its traffic manager ends. The next one finds one of the sockets; the other SYN is sent once more while it is
 * still on its way.
 */
export const SEALED_AND_LEFT = scripted({
  seed: 8,
  blades: ["ardsley", "croton"],
  timing: { pollMs: 300 },
  hostQueueUs: 400 * MS,
  flows: [
    connection(1, 600, { steps: IS_RESET }),
    connection(2, 600, { steps: IS_RESET, client: 6 }),
    connection(3, 5_700, { after: 1 }),
    connection(4, 5_500, { after: 2, client: 6 }),
  ],
  orders: [move(300, "croton"), move(5_000, "ardsley")],
  faults: [{ kind: "kill", manager: "croton", when: { sent: "SEAL", nth: 1 }, downUs: 1 * MS }],
  calmMs: 8_000,
});

/**
 * Ardsley's traffic manager ends. Until it is back, bedford is drained, and added again; so it has missed more than one assignment. Soon after,
 * ardsley loses the bucket. The client has said nothing since its first packet.
 */
export const MISSED_ASSIGNMENTS = scripted({
  seed: 1,
  blades: THREE,
  timing: { silentMs: 100 },
  flows: [session(1, 550, 2_000)],
  orders: [
    move(300, "ardsley"),
    { kind: "drain", blade: "bedford", deadlineMs: null, atUs: 800 * MS, force: false },
    { kind: "add", blade: "bedford", atUs: 1_000 * MS, force: false },
    move(1_800, "croton"),
  ],
  faults: [{ kind: "kill", manager: "ardsley", when: { atUs: 700 * MS }, downUs: 900 * MS }],
  calmMs: 5_000,
});

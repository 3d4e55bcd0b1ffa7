/** Random traffic: connections of every kind that a rule for TCP could get wrong, and segments of none. */
import type { Random } from "../emulator/random.ts";
import { when, type Moments } from "./moment.ts";
import { chance, pick, pickWeighted } from "./pick.ts";
import type { FlowPlan, ForgedFlowPlan, NeighbourFlowPlan, PiecesPlan, QuicFlowPlan, RawFlowPlan, TcpFlowPlan, TcpStep, TopologyPlan, Tuple } from "./plan.ts";
import { ACK, FIN, RST, SYN } from "./segment.ts";
import { PORTS } from "./services.ts";
import { ASK_PORT, QUIC_PORT, TUNNEL_PORT } from "./appliance-plan.ts";
import { CLIENTS } from "./world.ts";

const TCP_FLOWS_MIN = 70;
const TCP_FLOWS_MAX = 100;
/** They begin when nothing fails any more, and hold until two moves have been made: more than have to be live then. */
const LATE_FLOWS = 56;
/** Plans with sessions over UDP, percent. */
const TUNNELED = 35;
/** Plans with SYN cookies, percent. A table that a restart has emptied meanwhile is not complete for two minutes: such runs are long. */
const WITH_COOKIES = 30;
/** Of the questions and sessions over UDP, percent. */
const IN_PIECES = 40;
/** Plans in which packets in pieces, their first pieces late, come all at once, percent; and how close together they begin. */
const WITH_BURST = 40;
const BURST_US = 60_000;
const BURST_MIN = 6;
const BURST_MAX = 20;
/** Packets of a burst whose sessions go on; the others are questions. */
const BURST_TUNNELS = 30;
/** Plans with redirect tags that no blade has made, percent; of these frames, those that come from inside. */
const FORGED = 25;
const INSIDE = 80;
/** SYNs of a flood that fills small tables. */
const FLOOD_MIN = 60;
const FLOOD_MAX = 200;
/** QUIC connections whose clients change their addresses, percent. */
const CHANGING = 60;
const PATIENCE_MAX = 60;
/** QUIC connections of a server that is about to die, and within which time they begin. */
const LEFT_MIN = 6;
const LEFT_MAX = 14;
const LEFT_US = 300_000;
/** Tuples that are not used again at once, percent, and how much later than the first time they are at most. */
const LAGGING = 50;
const LAG_US_MAX = 3_000_000;
const CLIENT_PORT_MIN = 30_000;
const CLIENT_PORTS = 30_000;

/** A kind of connection: its port, its steps, and whether its tuple is used again when it is over. */
interface Shape {
  readonly port: number;
  readonly early?: number;
  readonly steps: readonly TcpStep[];
  readonly again?: boolean;
}

type MakeShape = (random: Random) => Shape;

const exchange = (random: Random, most = 200): TcpStep => ({ do: "exchange", bytes: random.between(1, most) });
const pause = (random: Random, mostUs: number): TcpStep => ({ do: "pause", us: random.between(1_000, mostUs) });
const tooBig = (random: Random): TcpStep[] => (chance(random, 30) ? [{ do: "too-big" }] : []);
const HOLD: TcpStep = { do: "hold" };
const CLOSE: TcpStep = { do: "close" };

function several(random: Random, most: number, make: () => readonly TcpStep[]): TcpStep[] {
  return Array.from({ length: random.between(1, most) }, make).flat();
}

const talk: MakeShape = (random) => ({
  port: PORTS.echo,
  steps: [...several(random, 6, () => [exchange(random), pause(random, 900_000), ...tooBig(random)]), CLOSE],
  again: chance(random, 30),
});

const hold: MakeShape = (random) => ({ port: PORTS.echo, steps: [exchange(random), HOLD, exchange(random), CLOSE] });

/** Says something all the time, so that whatever goes wrong for an instant meets it. */
const chatter: MakeShape = (random) => {
  const gapUs = random.between(20_000, 120_000);
  return {
    port: PORTS.echo,
    steps: [...Array.from({ length: random.between(10, 30) }, () => [exchange(random, 20), pause(random, gapUs)]).flat(), HOLD, exchange(random), CLOSE],
  };
};

const talkAndHold: MakeShape = (random) => ({
  port: PORTS.echo,
  steps: [...several(random, 5, () => [exchange(random), pause(random, 1_500_000), ...tooBig(random)]), HOLD, exchange(random), CLOSE],
});

const keepAlive: MakeShape = (random) => ({
  port: PORTS.echo,
  steps: [exchange(random), ...several(random, 6, () => [pause(random, 1_000_000), { do: "probe" }]), HOLD, exchange(random), CLOSE],
});

const download: MakeShape = (random) => ({ port: PORTS.download, steps: [...several(random, 4, () => [exchange(random, 250)]), CLOSE] });

const upload: MakeShape = (random) => ({ port: PORTS.upload, steps: [...several(random, 3, () => [exchange(random, 4_000)]), CLOSE] });

const halfClose: MakeShape = (random) => ({ port: PORTS.halfClose, steps: [exchange(random), pause(random, 500_000), CLOSE] });

const closedByHost: MakeShape = (random) => ({
  port: PORTS.closer,
  steps: [exchange(random), { do: "await" }, pause(random, 1_000_000), CLOSE],
  again: chance(random, 70),
});

const closedByBoth: MakeShape = (random) => ({ port: PORTS.eager, steps: [{ do: "send", bytes: random.between(1, 100) }, CLOSE] });

const shutWindow: MakeShape = (random) => ({ port: PORTS.slow, steps: [exchange(random, 1_500), pause(random, 500_000), exchange(random), CLOSE] });

const fastOpen: MakeShape = (random) => ({
  port: chance(random, 70) ? PORTS.fastOpen : PORTS.echo,
  early: random.between(1, 300),
  steps: [exchange(random), pause(random, 800_000), exchange(random), CLOSE],
});

/** The host keeps nothing of its SYN: until the handshake is over, no table knows the connection. */
const byCookie: MakeShape = (random) => ({ port: PORTS.cookies, steps: [exchange(random), ...several(random, 4, () => [pause(random, 600_000), exchange(random)]), HOLD, exchange(random), CLOSE] });

const aborted: MakeShape = (random) => ({ port: PORTS.echo, steps: [exchange(random), pause(random, 800_000), { do: "abort" }], again: true });

const forgotten: MakeShape = (random) => ({ port: PORTS.echo, steps: [exchange(random), pause(random, 800_000), { do: "vanish" }], again: true });

type Shapes = readonly (readonly [weight: number, make: MakeShape])[];

const SHAPES: Shapes = [
  [18, talk], [16, hold], [12, chatter], [10, talkAndHold], [6, keepAlive], [6, download], [4, upload], [6, halfClose], [7, closedByHost],
  [5, closedByBoth], [4, shutWindow], [5, fastOpen], [3, aborted], [3, forgotten],
];
const COOKIE_SHAPES: Shapes = [...SHAPES, [8, byCookie]];

/** What strangers send: a SYN that nobody answers for, backscatter, probes. */
const STRANGE_FLAGS = [SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK, SYN | FIN, 0];

/** `partingUs`: connections of a server that is about to die begin then; null: none do. */
export function generateFlows(topology: TopologyPlan, moments: Moments, partingUs: number | null, random: Random): FlowPlan[] {
  const { sites, quic } = topology;
  const { calmUs } = moments;
  const flows: FlowPlan[] = [];
  const firstPort = random.between(0, CLIENT_PORTS - 1);
  // No port twice: a tuple is used again only by a flow that waits for the one before.
  const tuple = (vipPort: number): Tuple => ({
    family: chance(random, 40) ? 6 : 4,
    site: random.between(0, sites - 1),
    client: random.between(0, CLIENTS - 1),
    clientPort: CLIENT_PORT_MIN + ((firstPort + flows.length) % CLIENT_PORTS),
    vipPort,
  });
  const add = (make: MakeShape, startUs: number, at?: Tuple, after: number | null = null): void => {
    const { port, early = 0, steps, again = false } = make(random);
    const id = flows.length;
    const place = at === undefined ? tuple(port) : { ...at, vipPort: at.vipPort };
    flows.push({ kind: "tcp", id, after, startUs, early, extended: place.family === 6 && chance(random, 25), steps, ...place } satisfies TcpFlowPlan);
    if (!again) return;
    // The same tuple speaks with the same service.
    const same = SHAPES.map(([, shape]) => shape).filter((shape) => shape(random.fork("port")).port === port);
    const lag = random.fork(`lag ${id}`);
    const againUs = chance(lag, LAGGING) ? startUs + lag.between(0, LAG_US_MAX) : startUs;
    add(same[random.between(0, same.length - 1)]!, againUs, place, id);
  };
  const count = random.between(TCP_FLOWS_MIN, TCP_FLOWS_MAX);
  const shapes = chance(random, WITH_COOKIES) ? COOKIE_SHAPES : SHAPES;
  for (let i = 0; i < count; i++) add(pickWeighted(random, shapes), when(moments, random));
  for (let i = 0; i < LATE_FLOWS; i++) add(hold, calmUs + random.between(0, 500_000));
  const strangers = random.between(0, 4);
  for (let i = 0; i < strangers; i++) flows.push(stranger(flows.length, sites, when(moments, random), random));
  const asking = random.between(0, 4);
  for (let i = 0; i < asking; i++) {
    const startUs = when(moments, random);
    flows.push({ kind: "ask", id: flows.length, pieces: piecesOf(random), startUs, count: random.between(1, 12), gapUs: random.between(0, 400_000), ...tuple(ASK_PORT) });
  }
  const tunnels = chance(random, TUNNELED) ? random.between(1, 8) : 0;
  for (let i = 0; i < tunnels; i++) {
    const startUs = when(moments, random);
    flows.push({ kind: "tunnel", id: flows.length, pieces: piecesOf(random), startUs, count: random.between(3, 30), gapUs: random.between(20_000, 500_000), ...tuple(TUNNEL_PORT) });
  }
  const connections = quic ? random.between(3, 10) : 0;
  for (let i = 0; i < connections; i++) flows.push(quicFlow(flows.length, tuple(QUIC_PORT), when(moments, random), random));
  const parting = random.fork("parting");
  const left = partingUs === null ? 0 : parting.between(LEFT_MIN, LEFT_MAX);
  for (let i = 0; i < left; i++) flows.push(leftFlow(flows.length, tuple(QUIC_PORT), partingUs! + parting.between(0, LEFT_US), parting));
  for (const { isTunnel, ...packets } of burst(moments, random.fork("burst"))) {
    const id = flows.length;
    flows.push(isTunnel ? { kind: "tunnel", id, ...packets, ...tuple(TUNNEL_PORT) } : { kind: "ask", id, ...packets, ...tuple(ASK_PORT) });
  }
  flows.push(...neighbours(flows.length, sites, moments, random.fork("neighbours")));
  if (chance(random.fork("forged"), FORGED)) flows.push(...forged(flows.length, topology, moments, random.fork("forged frames")));
  if (topology.cramped) flows.push(...floods(flows.length, sites, moments, random.fork("floods")));
  return flows;
}

/** Packets in pieces, of which more wait for their first pieces at a time than a blade has room for. */
function burst({ focusUs, calmUs }: Moments, random: Random) {
  if (focusUs === null || !chance(random, WITH_BURST)) return [];
  const startUs = random.between(focusUs, calmUs - BURST_US);
  return Array.from({ length: random.between(BURST_MIN, BURST_MAX) }, () => ({
    isTunnel: chance(random, BURST_TUNNELS),
    pieces: "first-late" as const,
    startUs: startUs + random.between(0, BURST_US),
    count: random.between(3, 8),
    gapUs: random.between(0, 40_000),
  }));
}

function neighbours(firstId: number, sites: number, moments: Moments, random: Random): NeighbourFlowPlan[] {
  // One asks when nothing fails any more.
  const starts = [moments.calmUs, ...Array.from({ length: random.between(1, 4) }, () => when(moments, random))];
  return starts.map((startUs, at) => ({
    kind: "neighbour",
    id: firstId + at,
    family: chance(random, 40) ? 6 : 4,
    site: random.between(0, sites - 1),
    client: random.between(0, CLIENTS - 1),
    startUs,
    count: random.between(2, 12),
    gapUs: random.between(20_000, 400_000),
    confirms: chance(random, 50),
  }));
}

function forged(firstId: number, { sites, blades }: TopologyPlan, moments: Moments, random: Random): ForgedFlowPlan[] {
  return Array.from({ length: random.between(1, 3) }, (_, at) => ({
    kind: "forged",
    ...strangersPlace(sites, random),
    id: firstId + at,
    vipPort: chance(random, 50) ? PORTS.echo : ASK_PORT,
    from: chance(random, INSIDE) ? pick(random, blades).name : null,
    to: pick(random, blades).name,
    startUs: when(moments, random),
    generation: random.between(1, 8),
    count: random.between(8, 64),
    gapUs: random.between(0, 30_000),
  }));
}

function floods(firstId: number, sites: number, moments: Moments, random: Random): RawFlowPlan[] {
  return Array.from({ length: random.between(1, 3) }, (_, at) => ({
    kind: "raw",
    ...strangersPlace(sites, random),
    id: firstId + at,
    vipPort: PORTS.echo,
    startUs: when(moments, random),
    flags: SYN,
    count: random.between(FLOOD_MIN, FLOOD_MAX),
    gapUs: random.between(0, 5_000),
  }));
}

function quicFlow(id: number, tuple: Tuple, startUs: number, random: Random): QuicFlowPlan {
  const count = random.between(3, 30);
  const gapUs = random.between(20_000, 400_000);
  // Not a port of any other flow.
  const place = { client: random.between(0, CLIENTS - 1), clientPort: CLIENT_PORT_MIN - 1 - id };
  const change = chance(random, CHANGING) ? { from: random.between(1, count), ...place } : null;
  const patience = chance(random, 50) ? random.between(1, PATIENCE_MAX) : 0;
  return { kind: "quic", id, startUs, count, gapUs, patience, change, ...tuple };
}

/** That goes on asking for its server for as long as it takes others to hear that this is gone. */
function leftFlow(id: number, tuple: Tuple, startUs: number, random: Random): QuicFlowPlan {
  return { kind: "quic", id, startUs, count: 40, gapUs: random.between(20_000, 100_000), patience: PATIENCE_MAX, change: null, ...tuple };
}

function piecesOf(random: Random): PiecesPlan | null {
  return chance(random, IN_PIECES) ? pick(random, ["in-order", "last-first", "first-twice"] as const) : null;
}

function stranger(id: number, sites: number, startUs: number, random: Random): RawFlowPlan {
  return {
    kind: "raw",
    id,
    ...strangersPlace(sites, random),
    vipPort: chance(random, 80) ? PORTS.echo : 9,
    startUs,
    flags: STRANGE_FLAGS[random.between(0, STRANGE_FLAGS.length - 1)]!,
    count: random.between(1, 60),
    gapUs: random.between(0, 20_000),
  };
}

/** Of someone who is made up. */
function strangersPlace(sites: number, random: Random): Omit<Tuple, "vipPort"> {
  return {
    family: chance(random, 40) ? 6 : 4,
    site: random.between(0, sites - 1),
    client: CLIENTS + random.between(0, 99),
    clientPort: random.between(1_024, 20_000),
  };
}

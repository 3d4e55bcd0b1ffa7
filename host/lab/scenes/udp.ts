/** `iperf3 -u` to and from the VIPs, over IPv4 and IPv6, while blades come and go. */
import { BLADE_NAMES, clientAddresses, FAMILIES } from "../addresses.ts";
import { IperfClients, type IperfEnd, type IperfRun, iperfServer } from "./iperf.ts";
import { scaleUpAndDown } from "./moves.ts";
import type { Scene } from "./scene.ts";

const BLADES = BLADE_NAMES.slice(0, 3);
const RUNS_A_FAMILY = 10;
const FIRST_PORT = 5_201;
/** Several times as long as the moves take. */
const SECONDS = 18;
/** After so long without a datagram a flow is over, and keeps its blade no longer. */
const IDLE = "3s";
const OFFLINE_MS = 30_000;

const RUNS: readonly IperfRun[] = FAMILIES.flatMap((family, f) =>
  clientAddresses(RUNS_A_FAMILY, family).map((client, i) => ({ client, port: FIRST_PORT + f * RUNS_A_FAMILY + i, reverse: i % 2 === 1 })));

export const udp: Scene = {
  name: "udp",
  summary: "iperf3 -u to and from the VIPs goes on while one blade joins and another one is drained",
  labels: { sentBytes: "bytes sent", lostBytes: "  lost", cut: "cut by the drain" },
  programs: new Map([["iperf3", "iperf3"]]),
  built: [],

  plan: (site) => ({
    families: FAMILIES,
    blades: BLADES,
    firstBlades: 2,
    clients: RUNS.map(({ client }) => client),
    router: null,
    sections: { services: [{ protocol: "udp", class: "flow", idle: IDLE }] },
    serve: (blade) => RUNS.map((run) => iperfServer(site, blade, run)),
  }),

  async run(site) {
    const clients = new IperfClients(site, BLADES);
    let ends: readonly IperfEnd[] = [];
    const cut = await scaleUpAndDown(site, { joins: BLADES[2]!, leaves: BLADES[0]!, offlineMs: OFFLINE_MS }, {
      begin: () => {
        for (const run of RUNS) clients.start(run, SECONDS);
        return clients.underWay();
      },
      end: async () => void (ends = await clients.ended()),
    });
    const sum = (of: (end: IperfEnd) => number): number => ends.reduce((total, end) => total + of(end), 0);
    const lostOf = ({ sentBytes, receivedBytes }: IperfEnd): number => Math.max(0, sentBytes - receivedBytes);
    const facts = { sentBytes: sum(({ sentBytes }) => sentBytes), lostBytes: sum(lostOf), cut };
    return { exchanges: ends.map(({ exchange }) => exchange), facts, faults: cut > 0 ? [`${cut} flows were cut by the drain`] : [] };
  },
};

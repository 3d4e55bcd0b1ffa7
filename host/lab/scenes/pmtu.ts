/**
 * Clients behind a router whose link to them takes smaller packets than Ethernet, and who do not know: the router tells the
 * servers, by "fragmentation needed" and "packet too big". Half of the sessions are told before the moves, in the middle of a
 * download; half were silent until then, and ask for much only when their bucket is another blade's.
 */
import { BLADE_NAMES, clientAddresses, FAMILIES, REMOTE } from "../addresses.ts";
import { type CounterName, sumCounters } from "../host-counters.ts";
import { STEP_MS } from "../orders.ts";
import { httpServer, pacedFile, TINY_FILE, writeFiles } from "../servers.ts";
import { planSessions, type SessionGroup, secondsOf } from "../sessions.ts";
import { HttpSessions, tcpFaults } from "./http-sessions.ts";
import { scaleUpAndDown } from "./moves.ts";
import type { Scene } from "./scene.ts";

const BLADES = BLADE_NAMES.slice(0, 3);
/** Drained: all its buckets have moved away, so what reaches its host then was sent on by others. */
const LEAVES = BLADES[0]!;
/** One a session: what a host learns of a path holds for all connections to an address. */
const CLIENTS_A_FAMILY = 24;
const MTU = 1_300;
/** Of the file that silent sessions ask for in the end: many segments. */
const LATE_SECONDS = 5;
const GROUPS: readonly SessionGroup[] = [
  { wave: "first", kind: "download", count: 24, withinMs: 1_000, seconds: [7, 9] },
  { wave: "first", kind: "idle", count: 24, withinMs: 1_000, file: TINY_FILE, lastFile: pacedFile(LATE_SECONDS) },
];
const SESSIONS_MS = 60_000;

const FRAGMENTATION_NEEDED: CounterName = { file: "snmp", name: "Icmp InDestUnreachs" };
const PACKET_TOO_BIG: CounterName = { file: "snmp6", name: "Icmp6InPktTooBigs" };

const remotes = (): string[] => FAMILIES.flatMap((family) => clientAddresses(CLIENTS_A_FAMILY, family, "far"));

export const pmtu: Scene = {
  name: "pmtu",
  summary: "downloads through a router with a smaller MTU complete while one blade joins and another one is drained",
  labels: {
    mtu: "MTU behind the router",
    fragmentationNeeded: "ICMP errors at the hosts, IPv4",
    packetTooBig: "  IPv6",
    lateFragmentationNeeded: `of these at ${LEAVES} after the moves, IPv4`,
    latePacketTooBig: "  IPv6",
    resets: "RSTs from the VIPs at the clients",
    cut: "cut by the drain",
  },
  programs: new Map(),
  built: [],

  plan: (site) => ({
    families: FAMILIES,
    blades: BLADES,
    firstBlades: 2,
    clients: [],
    router: { mtu: MTU, clients: remotes() },
    serve: (blade) => [httpServer(site, blade, null, FAMILIES)],
  }),

  async run(site) {
    const hashes = writeFiles(site.folder, [...secondsOf(GROUPS), LATE_SECONDS], site.options.seed);
    const sessions = planSessions(remotes(), site.options.seed, { uploads: true, groups: GROUPS });
    const http = await HttpSessions.open(site, { namespace: REMOTE, sessions, hashes, blades: BLADES });
    const errors = (blades: readonly string[]): { ipv4: number; ipv6: number } =>
      ({ ipv4: sumCounters(blades, FRAGMENTATION_NEEDED), ipv6: sumCounters(blades, PACKET_TOO_BIG) });
    let beforeLate = errors([LEAVES]);
    const cut = await scaleUpAndDown(site, { joins: BLADES[2]!, leaves: LEAVES, offlineMs: SESSIONS_MS }, {
      begin: () => {
        http.crowd.start("first");
        return http.crowd.connected("first", STEP_MS);
      },
      late: async () => {
        beforeLate = errors([LEAVES]);
        http.crowd.release("first");
        site.note("silent sessions ask for a file");
      },
      end: () => http.crowd.ended(SESSIONS_MS),
    });
    const [all, after] = [errors(BLADES), errors([LEAVES])];
    const { exchanges, resets } = await http.close();
    const late = { ipv4: after.ipv4 - beforeLate.ipv4, ipv6: after.ipv6 - beforeLate.ipv6 };
    return {
      exchanges,
      facts: {
        mtu: MTU,
        fragmentationNeeded: all.ipv4,
        packetTooBig: all.ipv6,
        lateFragmentationNeeded: late.ipv4,
        latePacketTooBig: late.ipv6,
        resets,
        cut,
      },
      faults: [
        ...tcpFaults({ resets, cut }),
        ...(late.ipv4 === 0 ? [`${LEAVES} was not told of the MTU by ICMP after the moves`] : []),
        ...(late.ipv6 === 0 ? [`${LEAVES} was not told of the MTU by ICMPv6 after the moves`] : []),
      ],
    };
  },
};

/** TCP over IPv4 and over IPv6 at once: downloads, uploads, kept-alive and idle sessions while blades come and go. */
import { BLADE_NAMES, CLIENTS, clientAddresses, FAMILIES } from "../addresses.ts";
import { STEP_MS } from "../orders.ts";
import { httpServer, writeFiles } from "../servers.ts";
import { planSessions, type SessionGroup, secondsOf } from "../sessions.ts";
import { HttpSessions, tcpFaults } from "./http-sessions.ts";
import { scaleUpAndDown } from "./moves.ts";
import type { Scene } from "./scene.ts";

const BLADES = BLADE_NAMES.slice(0, 3);
const CLIENTS_A_FAMILY = 24;
const GROUPS: readonly SessionGroup[] = [
  { wave: "first", kind: "download", count: 24, withinMs: 1_000, seconds: [7, 10] },
  { wave: "first", kind: "upload", count: 16, withinMs: 1_000, seconds: [7, 10] },
  { wave: "first", kind: "keep-alive", count: 24, withinMs: 1_000 },
  { wave: "first", kind: "idle", count: 24, withinMs: 1_000 },
];
/** More than the longest transfer takes. */
const SESSIONS_MS = 60_000;

export const ipv6: Scene = {
  name: "ipv6",
  summary: "TCP sessions over IPv4 and IPv6 live on while one blade joins and another one is drained",
  labels: { resets: "RSTs from the VIPs at the clients", cut: "cut by the drain" },
  programs: new Map(),
  built: [],

  plan: (site) => ({
    families: FAMILIES,
    blades: BLADES,
    firstBlades: 2,
    clients: FAMILIES.flatMap((family) => clientAddresses(CLIENTS_A_FAMILY, family)),
    router: null,
    serve: (blade) => [httpServer(site, blade, null, FAMILIES)],
  }),

  async run(site) {
    const clients = FAMILIES.flatMap((family) => clientAddresses(CLIENTS_A_FAMILY, family));
    const hashes = writeFiles(site.folder, secondsOf(GROUPS), site.options.seed);
    const sessions = planSessions(clients, site.options.seed, { uploads: true, groups: GROUPS });
    const http = await HttpSessions.open(site, { namespace: CLIENTS, sessions, hashes, blades: BLADES });
    const cut = await scaleUpAndDown(site, { joins: BLADES[2]!, leaves: BLADES[0]!, offlineMs: SESSIONS_MS }, {
      begin: () => {
        http.crowd.start("first");
        return http.crowd.connected("first", STEP_MS);
      },
      end: () => {
        http.crowd.release("first");
        return http.crowd.ended(SESSIONS_MS);
      },
    });
    const { exchanges, resets } = await http.close();
    return { exchanges, facts: { resets, cut }, faults: tcpFaults({ resets, cut }) };
  },
};

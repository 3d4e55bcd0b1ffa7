/**
 * QUIC connections, over IPv4 and IPv6, while blades come and go; a third of the clients then change their address. The servers'
 * connection ids name their blade (QUIC-LB), encrypted.
 */
import { randomBytes } from "node:crypto";
import { FAMILIES, BLADE_NAMES, clientAddresses, CLIENTS, hostNamespace, inBrackets, vipFor, VIPS } from "../addresses.ts";
import type { Exchange } from "../exchanges.ts";
import { STEP_MS } from "../orders.ts";
import type { QuicSession } from "../quic/messages.ts";
import type { Server, Site } from "../site.ts";
import { scaleUpAndDown } from "./moves.ts";
import {
  checkQuicStack, QuicClients, type QuicKeys, quicServerCommand, type QuicState, writeConnectionIds, writeQuicKeys,
} from "./quic-programs.ts";
import type { Scene } from "./scene.ts";

const BLADES = BLADE_NAMES.slice(0, 3);
const PORT = 443;
const SESSIONS_A_FAMILY = 12;
/** Every third session changes to another address. */
const CHANGES_EVERY = 3;
const CONFIG = { config: 1, serverIdBytes: 4, nonceBytes: 12 } as const;
const IDS = 2_000;
const READY_MS = 10_000;
const END_MS = 30_000;
const IDLE = "3s";
const OFFLINE_MS = 30_000;

const SESSIONS: readonly QuicSession[] = FAMILIES.flatMap((family, f) => {
  const addresses = clientAddresses(SESSIONS_A_FAMILY * 2, family);
  return Array.from({ length: SESSIONS_A_FAMILY }, (_, i): QuicSession => ({
    id: f * SESSIONS_A_FAMILY + i,
    client: addresses[i]!,
    next: i % CHANGES_EVERY === 0 ? addresses[SESSIONS_A_FAMILY + i]! : null,
    server: `${inBrackets(vipFor(addresses[i]!))}:${PORT}`,
  }));
});

export const quic: Scene = {
  name: "quic",
  summary: "QUIC connections live on while one blade joins and another one is drained, and clients change their address",
  labels: { changed: "of another address in the end", requests: "requests answered", downloadedBytes: "bytes downloaded", cut: "cut by the drain" },
  programs: new Map(),
  built: [],

  plan: async (site) => {
    await checkQuicStack();
    const key = randomBytes(16);
    const keys = await writeQuicKeys((name) => site.folder.join(name));
    return {
      families: FAMILIES,
      blades: BLADES,
      firstBlades: 2,
      clients: SESSIONS.flatMap(({ client, next }) => (next === null ? [client] : [client, next])),
      router: null,
      sections: {
        services: [{ protocol: "udp", port: PORT, class: "cid", idle: IDLE }],
        connectionIds: [{ ...CONFIG, key: key.toString("hex") }],
      },
      serve: (blade) => [quicServer(site, blade, key, keys)],
    };
  },

  async run(site) {
    const start = (command: readonly string[]) => site.services.pipe({ name: "quic-clients", namespace: CLIENTS, command });
    const clients = new QuicClients({ ca: site.folder.join("quic-ca.pem") }, start);
    const cut = await scaleUpAndDown(site, { joins: BLADES[2]!, leaves: BLADES[0]!, offlineMs: OFFLINE_MS }, {
      begin: () => {
        clients.start(SESSIONS);
        return clients.until("are connected", ({ connectedAt }) => connectedAt !== null, STEP_MS);
      },
      late: async () => {
        clients.changeAddress();
        await clients.until("are answered at their other address", ({ hasChangedAddress }, id) => hasChangedAddress || SESSIONS[id]!.next === null, STEP_MS);
        site.note("a third of the clients have another address");
      },
      end: () => {
        clients.finish();
        return clients.until("are over", () => false, END_MS);
      },
    });
    clients.close();
    const states = SESSIONS.map((session) => ({ session, state: clients.states.get(session.id)! }));
    const sum = (of: (state: QuicState) => number): number => states.reduce((total, { state }) => total + of(state), 0);
    const changed = states.filter(({ state }) => state.hasChangedAddress).length;
    return {
      exchanges: states.map(({ session, state }) => exchangeOf(session, state)),
      facts: { changed, requests: sum(({ requests }) => requests), downloadedBytes: sum(({ downloadedBytes }) => downloadedBytes), cut },
      faults: [
        ...(changed === 0 ? ["no client has changed its address"] : []),
        ...(cut > 0 ? [`${cut} flows were cut by the drain`] : []),
      ],
    };
  },
};

/** Its server id is its place in the appliance file, counted from 1. */
function quicServer(site: Site, blade: string, key: Uint8Array, keys: QuicKeys): Server {
  const { config: id, serverIdBytes, nonceBytes } = CONFIG;
  const serverId = Buffer.alloc(serverIdBytes);
  serverId.writeUIntBE(BLADES.indexOf(blade as (typeof BLADES)[number]) + 1, 0, serverIdBytes);
  const ids = site.folder.join("blades", `${blade}.ids`);
  writeConnectionIds(ids, { id, serverIdBytes, nonceBytes, key }, serverId, IDS);
  const listen = FAMILIES.map((family) => `${inBrackets(VIPS[family])}:${PORT}`);
  const command = quicServerCommand({ name: blade, listen, ids, keys });
  const service = site.services.start({ name: `quic-${blade}`, namespace: hostNamespace(blade), command });
  const isListening = (): boolean => service.said().split("listening on").length > listen.length;
  return { ready: () => service.ready(isListening, READY_MS) };
}

function exchangeOf({ client, next }: QuicSession, { connectedAt, endedAt, blade, problem, hasChangedAddress }: QuicState): Exchange {
  const stuck = next !== null && !hasChangedAddress ? "it was never answered at its other address" : null;
  return { what: "QUIC connection", client, beganAt: connectedAt, endedAt, blade, problem: problem ?? (endedAt === null ? "it never ended" : stuck) };
}

/** Datagrams of 20 KB, 14 fragments each, echoed over IPv4 and IPv6 while blades come and go. */
import { packagePath } from "../../paths.ts";
import { BLADE_NAMES, clientAddresses, CLIENTS, FAMILIES, hostNamespace, VIPS } from "../addresses.ts";
import { ClientProcess } from "../client-process.ts";
import type { Exchange } from "../exchanges.ts";
import { type CounterName, sumCounters } from "../host-counters.ts";
import { STEP_MS } from "../orders.ts";
import type { Server, Site } from "../site.ts";
import { ECHO_PORT } from "./echo-datagram.ts";
import type { EchoResult, EchoSession, FromEchoClients, ToEchoClients } from "./echo-messages.ts";
import { scaleUpAndDown } from "./moves.ts";
import type { Scene } from "./scene.ts";

const BLADES = BLADE_NAMES.slice(0, 3);
const SESSIONS_A_FAMILY = 12;
const IDLE = "3s";
const READY_MS = 10_000;
const END_MS = 20_000;
const OFFLINE_MS = 30_000;
/** What a server's socket has no room for is lost, and not by the appliance; but most has to come through, of all and of each session's. */
const ANSWERED_SHARE_MIN = 0.9;
const SESSION_SHARE_MIN = 0.8;
/** A move may cost what is on the way in that instant: of a datagram, one fragment is enough. */
const LOST_SHARE_MAX = 0.02;
const OVERFLOWED: readonly CounterName[] = [{ file: "snmp", name: "Udp RcvbufErrors" }, { file: "snmp6", name: "Udp6RcvbufErrors" }];

const SESSIONS: readonly EchoSession[] = FAMILIES.flatMap((family) => clientAddresses(SESSIONS_A_FAMILY, family)).map((client, id) => ({ id, client }));

export const fragments: Scene = {
  name: "fragments",
  summary: "datagrams of 20 KB, in fragments, come and go whole while one blade joins and another one is drained",
  labels: {
    asked: "datagrams sent",
    answered: "  echoed, byte for byte",
    corrupt: "  echoed otherwise",
    overflowed: "  that a server's socket had no room for",
    cut: "cut by the drain",
  },
  programs: new Map(),
  built: [],

  plan: (site) => ({
    families: FAMILIES,
    blades: BLADES,
    firstBlades: 2,
    clients: SESSIONS.map(({ client }) => client),
    router: null,
    sections: { services: [{ protocol: "udp", port: ECHO_PORT, class: "flow", idle: IDLE }] },
    serve: (blade) => [echoServer(site, blade)],
  }),

  async run(site) {
    const answered = new Set<number>();
    const results = new Map<number, EchoResult>();
    const command = [process.execPath, packagePath("build", "host", "lab", "scenes", "echo-clients.js")];
    const child = site.services.pipe({ name: "echo-clients", namespace: CLIENTS, command });
    const clients = new ClientProcess<ToEchoClients, FromEchoClients>(child, (message) => {
      if (message.kind === "answered") answered.add(message.id);
      else results.set(message.result.id, message.result);
    });
    const without = (those: { has(id: number): boolean }): string[] => SESSIONS.filter(({ id }) => !those.has(id)).map(({ client }) => client);
    const cut = await scaleUpAndDown(site, { joins: BLADES[2]!, leaves: BLADES[0]!, offlineMs: OFFLINE_MS }, {
      begin: () => {
        clients.tell({ kind: "start", sessions: SESSIONS });
        return clients.until("are answered", () => without(answered), STEP_MS);
      },
      end: () => {
        clients.tell({ kind: "finish" });
        return clients.until("have come to their end", () => without(results), END_MS);
      },
    });
    clients.close();
    const all = [...results.values()];
    const sum = (of: (result: EchoResult) => number): number => all.reduce((total, result) => total + of(result), 0);
    const facts = {
      asked: sum(({ asked }) => asked),
      answered: sum((result) => result.answered),
      corrupt: sum(({ corrupt }) => corrupt),
      overflowed: OVERFLOWED.reduce((total, counter) => total + sumCounters(BLADES, counter), 0),
      cut,
    };
    const lost = facts.asked - facts.answered - facts.overflowed;
    return {
      exchanges: SESSIONS.map((session) => exchangeOf(session, results.get(session.id)!)),
      facts,
      faults: [
        ...(facts.answered < facts.asked * ANSWERED_SHARE_MIN ? [`only ${facts.answered} of ${facts.asked} datagrams were echoed`] : []),
        ...(lost > facts.asked * LOST_SHARE_MAX ? [`${lost} of ${facts.asked} datagrams were not echoed`] : []),
        ...(cut > 0 ? [`${cut} flows were cut by the drain`] : []),
      ],
    };
  },
};

function echoServer(site: Site, blade: string): Server {
  const addresses = FAMILIES.map((family) => VIPS[family]);
  const command = [process.execPath, packagePath("build", "host", "lab", "scenes", "echo-server.js"), blade, ...addresses];
  const service = site.services.start({ name: `echo-${blade}`, namespace: hostNamespace(blade), command });
  return { ready: () => service.ready(() => addresses.every((address) => service.said().includes(`listening at ${address}\n`)), READY_MS) };
}

function exchangeOf({ client }: EchoSession, result: EchoResult): Exchange {
  const { beganAt, endedAt, servers } = result;
  return { what: "echo of 20 KB", client, beganAt, endedAt, blade: servers[0] ?? null, problem: problemOf(result) };
}

function problemOf({ asked, answered, servers, corrupt, answeredLast }: EchoResult): string | null {
  if (servers.length > 1) return `${servers.join(", then ")} have answered on one socket`;
  if (corrupt > 0) return `${corrupt} datagrams were changed on the way`;
  if (!answeredLast) return "the last ones were not echoed";
  return answered < asked * SESSION_SHARE_MIN ? `only ${answered} of ${asked} were echoed` : null;
}

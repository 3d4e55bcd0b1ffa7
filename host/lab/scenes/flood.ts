/** A SYN flood while a blade joins: old sessions go on, and new ones get through, by the kernel's SYN cookies. */
import { setTimeout as sleep } from "node:timers/promises";
import { bundlePath } from "../../bundle/bundle-file.ts";
import { BLADE_NAMES, clientAddresses, CLIENTS, FAMILIES } from "../addresses.ts";
import { type CounterName, sumCounters } from "../host-counters.ts";
import { add, STEP_MS } from "../orders.ts";
import { httpServer, writeFiles } from "../servers.ts";
import { planSessions, type SessionGroup, secondsOf } from "../sessions.ts";
import { HttpSessions, tcpFaults } from "./http-sessions.ts";
import type { Scene } from "./scene.ts";
import { SynFlood } from "./syn-flood.ts";

const BLADES = BLADE_NAMES.slice(0, 3);
const BOARD = "linux-x86_64";
const CLIENTS_A_FAMILY = 20;
/** It goes on until `secondsMin` are over and the blade has joined. */
const FLOOD = { perSecond: 50_000, secondsMin: 10 } as const;
/** A flood that is slower than this share of what was asked shows less than the scene says. */
const RATE_SHARE_MIN = 0.8;
const MTU = 1_500;
/** 40 old ones, and new ones while the flood goes on. */
const GROUPS: readonly SessionGroup[] = [
  { wave: "first", kind: "download", count: 12, withinMs: 1_000, seconds: [22, 24] },
  { wave: "first", kind: "keep-alive", count: 14, withinMs: 1_000 },
  { wave: "first", kind: "idle", count: 14, withinMs: 1_000 },
  { wave: "short", kind: "download", count: 30, withinMs: 7_000, seconds: [1, 1] },
];
/** Before the flood: an image that has just begun cannot tell cookies that were sent after that from those before. */
const AGE_MS = 10_000;
/** Into the flood, until the move. */
const BEFORE_MOVE_MS = 1_000;
/** A SYN that is lost is sent again after 1, 3, 7, 15 seconds. */
const SESSIONS_MS = 60_000;

const COOKIES_SENT: CounterName = { file: "netstat", name: "TcpExt SyncookiesSent" };
const COOKIES_RETURNED: CounterName = { file: "netstat", name: "TcpExt SyncookiesRecv" };

/** What a fault begins with that says nothing of the appliance: the machine was too busy to send the flood. */
export const SLOW_FLOOD = "the flood was slow";

const clients = (): string[] => FAMILIES.flatMap((family) => clientAddresses(CLIENTS_A_FAMILY, family));

export const flood: Scene = {
  name: "flood",
  summary: "50,000 SYNs a second for 10 s while a blade joins: old sessions live on, new ones get through by SYN cookies",
  labels: {
    syns: "SYNs of the flood",
    synsASecond: "  a second",
    cookiesSent: "SYN cookies that the hosts have sent",
    cookiesReturned: "  that clients have returned",
    oldSessions: "old sessions",
    newSessions: "new ones during the flood",
    resets: "RSTs from the VIPs at clients with a session",
    lateResets: "  at clients who had closed theirs",
  },
  programs: new Map([["trafgen", "netsniff-ng"]]),
  // A table for as many connections as a server has, not the emulator's.
  board: BOARD,
  built: [bundlePath(BOARD, "blade"), bundlePath(BOARD, "switch")],

  plan: (site) => ({
    families: FAMILIES,
    blades: BLADES,
    firstBlades: 2,
    clients: clients(),
    router: { mtu: MTU, clients: [] },
    // On a busy machine a manager may be late, and is not dead.
    failAfter: "20s",
    serve: (blade) => [httpServer(site, blade, null, FAMILIES)],
  }),

  async run(site) {
    const hashes = writeFiles(site.folder, secondsOf(GROUPS), site.options.seed);
    const sessions = planSessions(clients(), site.options.seed, { uploads: true, groups: GROUPS });
    const http = await HttpSessions.open(site, { namespace: CLIENTS, sessions, hashes, blades: BLADES });
    site.beganAt = Date.now();
    http.crowd.start("first");
    await http.crowd.connected("first", STEP_MS);
    site.note("the old sessions are connected");
    await sleep(AGE_MS);
    const syns = SynFlood.start(site, FLOOD.perSecond);
    http.crowd.start("short");
    site.note("the flood begins, and new sessions");
    await sleep(BEFORE_MOVE_MS);
    await add({ manager: site.manager, note: (what) => site.note(what) }, BLADES[2]!);
    const { sent, seconds } = await syns.stopAfter(FLOOD.secondsMin);
    site.note("the flood is over");
    await http.crowd.ended(SESSIONS_MS, "short");
    http.crowd.release("first");
    await http.crowd.ended(SESSIONS_MS);
    site.note("all sessions are over");
    const { exchanges, resets: all, harmless } = await http.close();
    const resets = all - harmless;
    const synsASecond = Math.round(sent / seconds);
    const [cookiesSent, cookiesReturned] = [sumCounters(BLADES, COOKIES_SENT), sumCounters(BLADES, COOKIES_RETURNED)];
    return {
      exchanges,
      facts: {
        syns: sent,
        synsASecond,
        cookiesSent,
        cookiesReturned,
        oldSessions: sessions.filter(({ wave }) => wave === "first").length,
        newSessions: sessions.filter(({ wave }) => wave === "short").length,
        resets,
        lateResets: harmless,
      },
      faults: [
        ...tcpFaults({ resets, cut: 0 }),
        ...slowFaults(synsASecond),
        ...(cookiesReturned === 0 ? ["no new session was made by a SYN cookie"] : []),
      ],
    };
  },
};

function slowFaults(synsASecond: number): string[] {
  if (synsASecond >= FLOOD.perSecond * RATE_SHARE_MIN) return [];
  return [`${SLOW_FLOOD}: ${synsASecond} SYNs a second, and not ${FLOOD.perSecond}`];
}

/** Sessions of curl and of Node's HTTP client with nginx on the blades' hosts, and the RSTs that their clients see. */
import { type Exchange, exchangeOf } from "../exchanges.ts";
import { Crowd } from "../crowd.ts";
import { isBroken, keepLedger } from "../ledger.ts";
import { captureResets, readResets } from "../resets.ts";
import { type Hashes, PACE, uploadsOf } from "../servers.ts";
import type { Service } from "../services.ts";
import type { PlannedSession } from "../sessions.ts";
import type { Site } from "../site.ts";
import { checkUploads } from "../uploads.ts";

export interface HttpPlan {
  /** Of the clients. */
  readonly namespace: string;
  readonly sessions: readonly PlannedSession[];
  readonly hashes: Hashes;
  readonly blades: readonly string[];
}

export interface HttpEnd {
  readonly exchanges: readonly Exchange[];
  /** Segments with RST from a VIP. */
  readonly resets: number;
  /** Of these, those of sessions that ended well: under loss, a server that is done answers the last words of a client who is done, too. */
  readonly harmless: number;
}

/** Of sessions that redirection has kept. */
export function tcpFaults({ resets, cut }: { readonly resets: number; readonly cut: number }): string[] {
  return [
    ...(resets > 0 ? [`${resets} RSTs from the VIPs are in the capture at the clients`] : []),
    ...(cut > 0 ? [`${cut} connections were cut by the drain`] : []),
  ];
}

const GENTLE_MS = 5_000;

export class HttpSessions {
  readonly crowd: Crowd;
  readonly #site: Site;
  readonly #plan: HttpPlan;
  readonly #capture: string;
  readonly #tcpdump: Service;

  private constructor(site: Site, plan: HttpPlan, capture: string, tcpdump: Service) {
    this.#site = site;
    this.#plan = plan;
    this.#capture = capture;
    this.#tcpdump = tcpdump;
    const { namespace, sessions, hashes } = plan;
    this.crowd = new Crowd(site.services, namespace, { sessions, hashes, files: site.folder.join("files"), serverPaces: true, pace: PACE });
  }

  static async open(site: Site, plan: HttpPlan): Promise<HttpSessions> {
    const capture = site.folder.join("resets.pcap");
    return new HttpSessions(site, plan, capture, await captureResets(site.services, plan.namespace, capture));
  }

  /** Once all sessions are over. */
  async close(): Promise<HttpEnd> {
    const { sessions, hashes, blades } = this.#plan;
    this.crowd.close();
    await this.#tcpdump.end(GENTLE_MS);
    const folders = new Map(blades.map((blade) => [blade, uploadsOf(this.#site.folder, blade)]));
    const resets = readResets(this.#capture);
    const { entries } = keepLedger({
      sessions,
      results: checkUploads(sessions, this.crowd.results, hashes, folders),
      buckets: new Map(),
      sightings: [],
      resets,
      failure: null,
    });
    const harmless = entries.reduce((sum, entry) => sum + (isBroken(entry) ? 0 : entry.resets), 0);
    return { exchanges: entries.map(exchangeOf), resets: resets.length, harmless };
  }
}

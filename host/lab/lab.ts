/** The lab's main script, from its first namespace to its last: brought up, played, and accounted for. */
import { BLADE_NAMES, CLIENTS, clientAddresses } from "./addresses.ts";
import { Crowd } from "./crowd.ts";
import { otherFirmware } from "./firmware.ts";
import { keepLedger } from "./ledger.ts";
import { faultsOf, type LabReport, makeReport } from "./report.ts";
import { captureResets, readResets } from "./resets.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Outcome } from "./run-lab.ts";
import { play, type Played } from "./script.ts";
import { type Hashes, httpServer, PACE, takesUploads, uploadsOf, writeFiles } from "./servers.ts";
import { planSessions, type PlannedSession, TRANSFER_SECONDS } from "./sessions.ts";
import { Sightings } from "./sightings.ts";
import { captureSegments, readSilences } from "./silence.ts";
import { Site, type SiteOptions } from "./site.ts";
import { checkUploads } from "./uploads.ts";

export interface LabOptions extends SiteOptions {
  /** Started by `sh -c` on each blade's host in place of nginx; null: nginx. */
  readonly server: string | null;
}

/** A few more than what is wanted. */
const CLIENT_COUNT = 72;
/** Blades that serve before the script begins. */
const FIRST_BLADES = 2;
const GENTLE_MS = 5_000;

export class Lab {
  readonly #options: LabOptions;
  readonly #folder: RunFolder;
  readonly #site: Site;

  constructor(folder: RunFolder, options: LabOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#site = new Site(folder, options);
  }

  /** Throws whatever keeps a lab from being one. */
  async run(): Promise<Outcome<LabReport>> {
    const { seed, redirect, board, record, server } = this.#options;
    const site = this.#site;
    const startedAt = Date.now();
    const clients = clientAddresses(CLIENT_COUNT);
    const hashes = writeFiles(this.#folder, TRANSFER_SECONDS, seed);
    await site.bringUp({
      families: [4],
      blades: BLADE_NAMES,
      firstBlades: FIRST_BLADES,
      clients,
      router: null,
      serve: (blade) => [httpServer(site, blade, server)],
    });
    const sessions = planSessions(clients, seed, { uploads: takesUploads(this.#folder, BLADE_NAMES[0]) });
    const capture = this.#folder.join("resets.pcap");
    const segments = this.#folder.join("segments.pcap");
    const captures = [await captureResets(site.services, CLIENTS, capture), await captureSegments(site.services, segments)];
    const sightings = new Sightings(site.manager);
    sightings.start();
    const crowd = new Crowd(site.services, CLIENTS, {
      sessions,
      hashes,
      files: this.#folder.join("files"),
      serverPaces: server === null,
      pace: PACE,
    });
    site.beganAt = Date.now();
    const played = await play({
      folder: this.#folder,
      firmware: otherFirmware(this.#folder, board, record),
      blades: BLADE_NAMES,
      manager: site.manager,
      shims: site.shims,
      running: site.running,
      crowd,
      redirect,
      note: (what) => site.note(what),
    });
    crowd.close();
    await sightings.stop();
    await Promise.all(captures.map((one) => one.end(GENTLE_MS)));
    const wallMs = Date.now() - startedAt;
    const report = await this.#report({ sessions, hashes, played, crowd, sightings, capture, segments, wallMs });
    return { report, faults: faultsOf(report) };
  }

  close(): void {
    this.#site.close();
  }

  async #report(run: {
    readonly sessions: readonly PlannedSession[];
    readonly hashes: Hashes;
    readonly played: Played;
    readonly crowd: Crowd;
    readonly sightings: Sightings;
    readonly capture: string;
    readonly segments: string;
    readonly wallMs: number;
  }): Promise<LabReport> {
    const { sessions, hashes, played, crowd, sightings, capture, segments, wallMs } = run;
    const { switchKind, redirect, seed, server } = this.#options;
    const folders = new Map(BLADE_NAMES.map((blade) => [blade, uploadsOf(this.#folder, blade)]));
    const ledger = keepLedger({
      sessions,
      results: checkUploads(sessions, crowd.results, hashes, folders),
      buckets: this.#site.buckets(sessions.map(({ client }) => client)),
      sightings: sightings.seen,
      resets: readResets(capture),
      failure: played.failure,
    });
    return makeReport({
      switch: switchKind,
      redirect,
      seed,
      server: server ?? "nginx",
      ledger,
      failedBlade: played.failure.blade,
      redirects: await this.#site.redirects(),
      generations: sightings.seen.map(({ generation }) => generation),
      silences: readSilences(segments, (id) => sessions[id]!.client, crowd.results.values()),
      pauses: played.pauses,
      managerKills: played.managerKills,
      cut: played.cut,
      wallMs,
      timeline: this.#site.timeline,
      beganAt: this.#site.beganAt,
    });
  }
}

/** A lab from its first namespace to its last: brought up, put through the script, and taken down whatever happens. */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadAppliance } from "../model/appliance-file.ts";
import { findBuckets } from "../emulator/bucket-finder.ts";
import { partsFor } from "../emulator/parts.ts";
import { BLADE_NAMES, clientAddresses, SERVICE_PORT, SWITCH_NAMES, VIP } from "./addresses.ts";
import { Crowd } from "./crowd.ts";
import { otherFirmware } from "./firmware.ts";
import { applianceFile, socketWord, type SwitchKind } from "./lab-appliance.ts";
import { keepLedger } from "./ledger.ts";
import { Manager } from "./manager.ts";
import { runStep } from "./namespaces.ts";
import { addRedirects, NO_REDIRECTS, readRedirects } from "./redirects.ts";
import { type LabReport, makeReport, type RedirectCount, type TimelineEntry } from "./report.ts";
import { captureResets, readResets } from "./resets.ts";
import type { RunFolder } from "./run-folder.ts";
import { add, play, type Played } from "./script.ts";
import { type Hashes, PACE, serverReady, startServer, takesUploads, uploadsOf, writeFiles } from "./servers.ts";
import { type Service, Services } from "./services.ts";
import { type PlannedSession, planSessions, TRANSFER_SECONDS } from "./sessions.ts";
import { bladeShim, Shims } from "./shims.ts";
import { Sightings } from "./sightings.ts";
import { captureSegments, readSilences } from "./silence.ts";
import { deafSwitches, startSwitches } from "./switches.ts";
import { buildSteps } from "./topology.ts";
import { checkUploads } from "./uploads.ts";

export interface LabOptions {
  readonly switchKind: SwitchKind;
  readonly redirect: boolean;
  readonly seed: number;
  readonly board: string;
  /** Started by `sh -c` on each blade's host in place of nginx; null: nginx. */
  readonly server: string | null;
  /** Folder for the shims' recordings; null: none. */
  readonly record: string | null;
  readonly onNote?: (entry: TimelineEntry) => void;
}

/** A few more than what is wanted. */
const CLIENT_COUNT = 72;
/** Blades that serve before the script begins. */
const FIRST_BLADES = 2;
const FAIL_AFTER = "5s";
const GENTLE_MS = 5_000;
const HEALTHY_MS = 30_000;

export class Lab {
  readonly services: Services;
  readonly #options: LabOptions;
  readonly #folder: RunFolder;
  readonly #timeline: TimelineEntry[] = [];
  readonly #shims: Shims;
  readonly #running = new Map<string, Service>();
  readonly #manager: Manager;
  #beganAt = Date.now();

  constructor(folder: RunFolder, options: LabOptions) {
    this.#folder = folder;
    this.#options = options;
    this.services = new Services(folder);
    this.#shims = new Shims(folder, this.services, options);
    this.#manager = new Manager({
      folder,
      services: this.services,
      appliance: folder.join("appliance.yaml"),
      redirect: options.redirect,
      failAfter: FAIL_AFTER,
    });
  }

  /** Throws whatever keeps a lab from being one. */
  async run(): Promise<LabReport> {
    const { seed, redirect, board, record } = this.#options;
    const startedAt = Date.now();
    const clients = clientAddresses(CLIENT_COUNT);
    const hashes = writeFiles(this.#folder, TRANSFER_SECONDS, seed);
    await this.#bringUp(clients);
    const sessions = planSessions(clients, seed, { uploads: takesUploads(this.#folder, BLADE_NAMES[0]) });
    const capture = this.#folder.join("resets.pcap");
    const segments = this.#folder.join("segments.pcap");
    const captures = [await captureResets(this.services, capture), await captureSegments(this.services, segments)];
    const sightings = new Sightings(this.#manager);
    sightings.start();
    const crowd = this.#crowd(sessions, hashes);
    this.#beganAt = Date.now();
    const played = await play({
      folder: this.#folder,
      firmware: otherFirmware(this.#folder, board, record),
      blades: BLADE_NAMES,
      manager: this.#manager,
      shims: this.#shims,
      running: this.#running,
      crowd,
      redirect,
      note: (what) => this.#note(what),
    });
    crowd.close();
    await sightings.stop();
    await Promise.all(captures.map((one) => one.end(GENTLE_MS)));
    return this.#report({ sessions, hashes, played, crowd, sightings, capture, segments, wallMs: Date.now() - startedAt });
  }

  /** What still goes on starts nothing any more. */
  close(): void {
    this.services.close();
    this.#manager.close();
  }

  async #bringUp(clients: readonly string[]): Promise<void> {
    const { switchKind, server, record, seed } = this.#options;
    const blades = BLADE_NAMES;
    if (record !== null) mkdirSync(record, { recursive: true });
    writeFileSync(this.#folder.join("appliance.yaml"), applianceFile(this.#folder, { blades, kind: switchKind, seed }));
    for (const step of buildSteps({ blades, switches: SWITCH_NAMES, clients, deafSwitches: deafSwitches(switchKind) })) runStep(step);

    const servers = blades.map((blade) => startServer(this.#folder, this.services, blade, server));
    for (const blade of blades) this.#running.set(blade, this.#shims.start(bladeShim(blade)));
    await startSwitches({ kind: switchKind, blades: blades.length, folder: this.#folder, services: this.services, shims: this.#shims });
    for (const [blade, shim] of this.#running) await this.#shims.ready(bladeShim(blade), shim);
    await this.#manager.start();
    for (const blade of blades) this.#manager.startTrafficManager(blade);
    for (const [number, blade] of blades.entries()) await serverReady(servers[number]!, blade);
    await this.#manager.until("every blade is healthy", (status) => status.blades.every(({ health }) => health === "healthy"), HEALTHY_MS);
    for (const blade of blades.slice(0, FIRST_BLADES)) await add({ manager: this.#manager, note: () => undefined }, blade);
  }

  #crowd(sessions: readonly PlannedSession[], hashes: Hashes): Crowd {
    return new Crowd(this.#folder, {
      origin: { address: VIP, port: SERVICE_PORT },
      sessions,
      hashes,
      files: this.#folder.join("files"),
      serverPaces: this.#options.server === null,
      pace: PACE,
    });
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
      buckets: this.#buckets(sessions.map(({ client }) => client)),
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
      redirects: await this.#redirects(),
      generations: sightings.seen.map(({ generation }) => generation),
      silences: readSilences(segments, (id) => sessions[id]!.client, crowd.results.values()),
      pauses: played.pauses,
      managerKills: played.managerKills,
      cut: played.cut,
      wallMs,
      timeline: this.#timeline,
      beganAt: this.#beganAt,
    });
  }

  /** By client: the hash is the firmware's, so an image of our own is asked. */
  #buckets(clients: readonly string[]): Map<string, number> {
    const appliance = loadAppliance(this.#folder.join("appliance.yaml"));
    const seed = Buffer.from(appliance.seed!, "hex");
    const shared = { appliance, seed, redirect: this.#options.redirect };
    return findBuckets(partsFor("wasmtime", this.#options.board), shared, VIP, [...new Set(clients)]);
  }

  async #redirects(): Promise<RedirectCount> {
    let sum = NO_REDIRECTS;
    for (const [blade, shim] of this.#running) {
      if (shim.isRunning) sum = addRedirects(sum, await readRedirects(socketWord(this.#folder, blade)));
    }
    return sum;
  }

  #note(what: string): void {
    const entry = { atMs: Date.now() - this.#beganAt, what };
    this.#timeline.push(entry);
    this.#options.onNote?.(entry);
  }
}

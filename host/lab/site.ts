/** The place of a lab: its namespaces, and the programs of an appliance in them. What scripts and scenes happen in. */
import { mkdirSync, writeFileSync } from "node:fs";
import { findBuckets } from "../emulator/bucket-finder.ts";
import { partsFor } from "../emulator/parts.ts";
import { familyOf, type Family } from "../model/address.ts";
import { loadAppliance } from "../model/appliance-file.ts";
import { SWITCH_NAMES, VIPS } from "./addresses.ts";
import { applianceFile, type Sections, socketWord, type SwitchKind } from "./lab-appliance.ts";
import { Manager } from "./manager.ts";
import { runStep } from "./namespaces.ts";
import { addRedirects, NO_REDIRECTS, readRedirects } from "./redirects.ts";
import type { RedirectCount, TimelineEntry } from "./report.ts";
import type { RunFolder } from "./run-folder.ts";
import { type Service, Services } from "./services.ts";
import { bladeShim, Shims } from "./shims.ts";
import { deafSwitches, startSwitches } from "./switches.ts";
import { buildSteps, type RouterPlan } from "./topology.ts";
import { add } from "./orders.ts";

export interface SiteOptions {
  readonly switchKind: SwitchKind;
  readonly redirect: boolean;
  readonly seed: number;
  readonly board: string;
  /** Folder for the shims' recordings; null: none. */
  readonly record: string | null;
  readonly onNote?: (entry: TimelineEntry) => void;
}

export interface SitePlan {
  readonly families: readonly Family[];
  /** By the order in which they join. */
  readonly blades: readonly string[];
  /** So many of them serve when the site is up. */
  readonly firstBlades: number;
  readonly clients: readonly string[];
  readonly router: RouterPlan | null;
  readonly sections?: Sections;
  /** A blade that is silent for so long is failed; default 5s. */
  readonly failAfter?: string;
  /** Starts what serves on a blade's host. */
  serve(blade: string): readonly Server[];
}

/** A program that serves clients. */
export interface Server {
  /** Resolves when it does. */
  ready(): Promise<void>;
}

const FAIL_AFTER_DEFAULT = "5s";
const HEALTHY_MS = 30_000;

export class Site {
  readonly folder: RunFolder;
  readonly options: SiteOptions;
  readonly services: Services;
  readonly shims: Shims;
  #manager: Manager | null = null;
  /** The running shim of each blade. */
  readonly running = new Map<string, Service>();
  readonly timeline: TimelineEntry[] = [];
  /** When clients began, ms since 1970. */
  beganAt = Date.now();

  constructor(folder: RunFolder, options: SiteOptions) {
    this.folder = folder;
    this.options = options;
    this.services = new Services(folder);
    this.shims = new Shims(folder, this.services, options);
  }

  /** Once the site is being brought up. */
  get manager(): Manager {
    if (this.#manager === null) throw new Error("the site is not up");
    return this.#manager;
  }

  /** Throws whatever keeps a lab from being one. */
  async bringUp({ families, blades, firstBlades, clients, router, sections = {}, failAfter = FAIL_AFTER_DEFAULT, serve }: SitePlan): Promise<void> {
    const { switchKind, record, seed } = this.options;
    if (record !== null) mkdirSync(record, { recursive: true });
    const file = applianceFile(this.folder, { families, blades, kind: switchKind, seed, sections });
    writeFileSync(this.folder.join("appliance.yaml"), file);
    const topology = { families, blades, switches: SWITCH_NAMES, clients, deafSwitches: deafSwitches(switchKind), router };
    for (const step of buildSteps(topology)) runStep(step);

    const servers = blades.flatMap((blade) => serve(blade));
    for (const blade of blades) this.running.set(blade, this.shims.start(bladeShim(blade)));
    await startSwitches({ kind: switchKind, blades: blades.length, folder: this.folder, services: this.services, shims: this.shims });
    for (const [blade, shim] of this.running) await this.shims.ready(bladeShim(blade), shim);
    this.#manager = new Manager({
      folder: this.folder,
      services: this.services,
      appliance: this.folder.join("appliance.yaml"),
      redirect: this.options.redirect,
      failAfter,
    });
    await this.manager.start();
    for (const blade of blades) this.manager.startTrafficManager(blade);
    for (const server of servers) await server.ready();
    await this.manager.until("every blade is healthy", (status) => status.blades.every(({ health }) => health === "healthy"), HEALTHY_MS);
    for (const blade of blades.slice(0, firstBlades)) await add({ manager: this.manager, note: () => undefined }, blade);
    this.beganAt = Date.now();
  }

  note(what: string): void {
    const entry = { atMs: Date.now() - this.beganAt, what };
    this.timeline.push(entry);
    this.options.onNote?.(entry);
  }

  /** By client: the hash is the firmware's, so an image of our own is asked. */
  buckets(clients: readonly string[]): Map<string, number> {
    const appliance = loadAppliance(this.folder.join("appliance.yaml"));
    const shared = { appliance, seed: Buffer.from(appliance.seed!, "hex"), redirect: this.options.redirect };
    const parts = partsFor("wasmtime", this.options.board);
    const families = [...new Set(clients.map(familyOf))];
    return new Map(families.flatMap((family) => {
      const members = new Set(clients.filter((client) => familyOf(client) === family));
      return [...findBuckets(parts, shared, VIPS[family], [...members])];
    }));
  }

  /** Of all blades that run. */
  async redirects(): Promise<RedirectCount> {
    let sum = NO_REDIRECTS;
    for (const [blade, shim] of this.running) {
      if (shim.isRunning) sum = addRedirects(sum, await readRedirects(socketWord(this.folder, blade)));
    }
    return sum;
  }

  /** What still goes on starts nothing any more. */
  close(): void {
    this.services.close();
    this.#manager?.close();
  }
}

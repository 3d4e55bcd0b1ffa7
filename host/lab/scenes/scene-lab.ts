/** A scene from its first namespace to its last: brought up, played, and accounted for. */
import { type Account, accountOf, byFamily, isBroken } from "../exchanges.ts";
import type { RedirectCount, TimelineEntry } from "../report.ts";
import type { RunFolder } from "../run-folder.ts";
import type { Outcome } from "../run-lab.ts";
import { Sightings } from "../sightings.ts";
import { Site, type SiteOptions } from "../site.ts";
import type { Scene, SceneResult } from "./scene.ts";
import type { Family } from "../../model/address.ts";

export interface SceneReport {
  readonly show: string;
  readonly switch: string;
  readonly redirect: boolean;
  readonly seed: number;
  /** What became of the clients' exchanges, by IP version. */
  readonly families: Readonly<Partial<Record<Family, Account>>>;
  readonly facts: Readonly<Record<string, number>>;
  /** Frames that blades sent on to each other, as the firmware counted them. */
  readonly redirects: RedirectCount;
  readonly generations: readonly number[];
  readonly wallMs: number;
  readonly timeline: readonly TimelineEntry[];
}

export class SceneLab {
  readonly #scene: Scene;
  readonly #site: Site;

  constructor(folder: RunFolder, options: SiteOptions, scene: Scene) {
    this.#scene = scene;
    this.#site = new Site(folder, { ...options, board: scene.board ?? options.board });
  }

  /** Throws whatever keeps the scene from being shown. */
  async run(): Promise<Outcome<SceneReport>> {
    const site = this.#site;
    const startedAt = Date.now();
    const plan = await this.#scene.plan(site);
    await site.bringUp(plan);
    const sightings = new Sightings(site.manager);
    sightings.start();
    const result = await this.#scene.run(site);
    await sightings.stop();
    const { exchanges, facts } = result;
    const buckets = site.buckets(exchanges.map(({ client }) => client));
    const accounts = plan.families.map((family) => [family, accountOf(byFamily(exchanges, family), buckets, sightings.seen)] as const);
    const { switchKind, redirect, seed } = site.options;
    const report: SceneReport = {
      show: this.#scene.name,
      switch: switchKind,
      redirect,
      seed,
      families: Object.fromEntries(accounts),
      facts,
      redirects: await site.redirects(),
      generations: sightings.seen.map(({ generation }) => generation),
      wallMs: Date.now() - startedAt,
      timeline: site.timeline,
    };
    return { report, faults: redirect ? faultsOf(report, result) : [] };
  }

  /** What still goes on starts nothing any more. */
  close(): void {
    this.#site.close();
  }
}

/** Beside what the scene itself finds. */
function faultsOf({ families, redirects }: SceneReport, { exchanges, faults }: SceneResult): string[] {
  const found = [...faults];
  for (const { what, client, blade, problem } of exchanges.filter(isBroken)) {
    found.push(`${what} of ${client}, on ${blade ?? "no blade"}, is broken: ${problem}`);
  }
  for (const [family, { moved }] of Object.entries(families)) {
    if (moved === 0) found.push(`nothing over IPv${family} was alive across its bucket's move`);
  }
  if (redirects.hop + redirects.resteer + redirects.final === 0) found.push("no frame was redirected");
  return found;
}

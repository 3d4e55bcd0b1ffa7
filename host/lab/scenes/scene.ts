/** Scenes: what a lab shows beside its main script, one thing each. */
import type { Exchange } from "../exchanges.ts";
import type { Site, SitePlan } from "../site.ts";

export interface Scene {
  readonly name: string;
  /** For people: what it shows. */
  readonly summary: string;
  /** What its facts are called for people, by their names in JSON. */
  readonly labels: Readonly<Record<string, string>>;
  /** Beyond what every lab needs: programs, with their Debian packages. */
  readonly programs: ReadonlyMap<string, string>;
  /** Files that the build makes, beyond those of every lab. */
  readonly built: readonly string[];
  /** Whose firmware the blades and switches run; default: the lab's. */
  readonly board?: string;
  /** Called once. */
  plan(site: Site): SitePlan | Promise<SitePlan>;
  /** Throws whatever keeps it from being shown. */
  run(site: Site): Promise<SceneResult>;
}

export interface SceneResult {
  readonly exchanges: readonly Exchange[];
  /** By the names of the scene's `labels`. */
  readonly facts: Readonly<Record<string, number>>;
  /** One sentence for each thing that is not as it must be with redirection, beside exchanges that are broken. */
  readonly faults: readonly string[];
}

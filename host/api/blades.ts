/** The blades that can be added: those of the appliance file, and those that operators have described since. */
import { DobbsError } from "../errors.ts";
import type { Appliance, Blade } from "../model/appliance.ts";
import { checkParts } from "./rules.ts";

/** Where descriptions are kept: a state folder, or a test's memory. */
export interface BladeShelf {
  read(name: string): string | null;
  write(name: string, text: string): void;
}

const FILE = "blades.json";

export class Blades {
  readonly #appliance: Appliance;
  readonly #shelf: BladeShelf;
  /** By name; not in the appliance file, or not as there. */
  readonly #described: Map<string, Blade>;

  /** Throws what reading the shelf throws. */
  constructor(appliance: Appliance, shelf: BladeShelf) {
    this.#appliance = appliance;
    this.#shelf = shelf;
    const kept = JSON.parse(shelf.read(FILE) ?? "[]") as readonly Blade[];
    this.#described = new Map(kept.map((blade) => [blade.name, blade]));
  }

  /** In order of name. */
  all(): Blade[] {
    const blades = new Map(this.#appliance.blades.map((blade) => [blade.name, blade]));
    for (const [name, blade] of this.#described) blades.set(name, blade);
    return [...blades.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Blade | undefined {
    return this.#described.get(name) ?? this.#appliance.blades.find((blade) => blade.name === name);
  }

  /** Throws E_BLADE_UNKNOWN. */
  named(name: string): Blade {
    const blade = this.find(name);
    if (blade) return blade;
    throw new DobbsError(
      "E_BLADE_UNKNOWN",
      `nothing is known of a blade "${name}"`,
      "Describe it with its MAC address and its port of the switch, or put it into the appliance file and restart.",
    );
  }

  /** Takes in a blade's description, to be kept. Returns what takes it back. Throws E_APPLIANCE_* when it clashes with
   *  what there is. */
  describe(blade: Blade): () => void {
    const others = this.all().filter(({ name }) => name !== blade.name);
    checkParts(this.#appliance, { blades: [...others, blade] });
    const before = this.#described.get(blade.name);
    this.#set(blade.name, blade);
    return () => this.#set(blade.name, before);
  }

  #set(name: string, blade: Blade | undefined): void {
    if (blade) this.#described.set(name, blade);
    else this.#described.delete(name);
    this.#keep();
  }

  #keep(): void {
    this.#shelf.write(FILE, `${JSON.stringify([...this.#described.values()])}\n`);
  }
}

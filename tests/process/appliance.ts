/** The appliance manager with its hub, in the test's process, and a state that outlives it. */
import { LogJournal } from "../../host/process/log-journal.ts";
import type { Blade } from "../../host/model/appliance.ts";
import type { Charter } from "../../host/process/charter.ts";
import { PeerHub } from "../../host/process/peer-hub.ts";
import { RealClock } from "../../host/process/real-clock.ts";
import { ApplianceManager } from "../../host/supervisor/appliance-manager.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import type { BladeStatus } from "../../host/supervisor/status.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { atEnd } from "./cleanup.ts";

export interface ApplianceOptions {
  readonly words: readonly LinkWord[];
  readonly credentials: Credentials;
  readonly buckets: number;
  readonly charterOf: (blade: string) => Charter | null;
}

export class Appliance {
  readonly offline: { blade: string; cut: number }[] = [];
  readonly events: string[] = [];
  readonly words: LinkWord[] = [];
  manager!: ApplianceManager;
  hub!: PeerHub;
  readonly #options: ApplianceOptions;
  #saved: ApplianceState | null = null;

  static async start(options: ApplianceOptions): Promise<Appliance> {
    const appliance = new Appliance(options);
    await appliance.#open(options.words);
    atEnd(() => appliance.#close());
    return appliance;
  }

  private constructor(options: ApplianceOptions) {
    this.#options = options;
  }

  /** As after kill -9: all that is left is what was saved. */
  async restart(): Promise<void> {
    await this.#close();
    await this.#open(this.words.splice(0));
  }

  add(...blades: readonly Blade[]): Promise<Error | null> {
    return new Promise((resolve) => this.manager.addBlades(blades, resolve));
  }

  drain(blade: string): Promise<Error | null> {
    return new Promise((resolve) => this.manager.drainBlade(blade, null, resolve));
  }

  blade(name: string): BladeStatus | undefined {
    return this.manager.status().blades.find((blade) => blade.name === name);
  }

  /** Live connections that the blade's traffic manager has counted. */
  live(name: string): number {
    return this.manager.status().owners.find((owner) => owner.name === name)?.live ?? 0;
  }

  async #open(words: readonly LinkWord[]): Promise<void> {
    const { credentials, charterOf, buckets } = this.#options;
    const journal = new LogJournal({ format: "json", write: (line) => this.events.push((JSON.parse(line) as { event: string }).event) });
    await new Promise<void>((resolve, reject) => {
      this.hub = new PeerHub({
        words,
        credentials,
        charterOf,
        receive: (blade, report) => this.manager.receive(blade, report),
        journal,
        onListening: (word) => {
          this.words.push(word);
          if (this.words.length === words.length) resolve();
        },
        onFail: reject,
      });
      this.manager = new ApplianceManager({
        clock: new RealClock(),
        peers: this.hub,
        journal,
        buckets,
        store: { save: (state) => (this.#saved = JSON.parse(JSON.stringify(state)) as ApplianceState) },
        restored: this.#saved,
        onOffline: (blade, cut) => this.offline.push({ blade, cut }),
      });
    });
  }

  #close(): Promise<void> {
    this.manager.stop();
    return new Promise((resolve) => this.hub.close(resolve));
  }
}

/** The shims of a lab: one a blade's NIC, and one a Dobbs switch; each with a flash (its firmware's file) of its own. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundlePath } from "../bundle/bundle-file.ts";
import { packagePath } from "../paths.ts";
import { nicNamespace, type LabSwitchName, switchInterface, switchNamespace } from "./addresses.ts";
import { socketWord, switchPorts } from "./lab-appliance.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Service, Services } from "./services.ts";

export const SHIM = packagePath("build", "native", "dobbs-shim");
const READY_MS = 20_000;

export interface ShimPlace {
  readonly name: string;
  readonly namespace: string;
  readonly image: "blade" | "switch";
  /** Interfaces, by port number. */
  readonly interfaces: readonly string[];
}

export function bladeShim(blade: string): ShimPlace {
  return { name: blade, namespace: nicNamespace(blade), image: "blade", interfaces: ["wire", "host"] };
}

export function switchShim(name: LabSwitchName, blades: number): ShimPlace {
  return { name, namespace: switchNamespace(name), image: "switch", interfaces: switchPorts(blades).map(switchInterface) };
}

export class Shims {
  readonly #folder: RunFolder;
  readonly #services: Services;
  readonly #board: string;
  /** Folder for recordings; null: none are made. */
  readonly #record: string | null;
  readonly #lives = new Map<string, number>();

  constructor(folder: RunFolder, services: Services, options: { readonly board: string; readonly record: string | null }) {
    this.#folder = folder;
    this.#services = services;
    this.#board = options.board;
    this.#record = options.record;
  }

  /** Starts a shim, or starts it again after its end: with the firmware that was flashed last. */
  start(place: ShimPlace): Service {
    const { name, namespace, image, interfaces } = place;
    const life = (this.#lives.get(name) ?? 0) + 1;
    this.#lives.set(name, life);
    const flash = this.#folder.join("flash", `${name}.bundle`);
    if (!existsSync(flash)) {
      mkdirSync(this.#folder.join("flash"), { recursive: true });
      copyFileSync(bundlePath(this.#board, image), flash);
    }
    // What was killed has left its socket; its being there is how we see that the new one is ready.
    rmSync(this.#socket(name), { force: true });
    const command = [
      SHIM,
      ...["--firmware", flash, "--name", name, "--link", socketWord(this.#folder, name), "--log", "json"],
      ...interfaces.flatMap((device, port) => ["--port", `${port}=packet:${device}`]),
      ...(this.#record === null ? [] : ["--record", join(this.#record, recordingName(name, life))]),
    ];
    return this.#services.start({ name: `shim-${name}`, namespace, command });
  }

  ready(place: ShimPlace, shim: Service): Promise<void> {
    return shim.ready(() => existsSync(this.#socket(place.name)), READY_MS);
  }

  #socket(name: string): string {
    return this.#folder.join("sockets", `${name}.sock`);
  }
}

/** A shim that is started again must not write over what it has recorded before. */
function recordingName(name: string, life: number): string {
  return life === 1 ? `${name}.pcapng` : `${name}.${life}.pcapng`;
}

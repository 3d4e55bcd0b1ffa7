/** What `dobbs lab` does: one lab at a time, and nothing of it is left, whatever ends it. */
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DobbsError } from "../errors.ts";
import { type Leftovers, RunFolder } from "./run-folder.ts";

/** What a lab has come to. */
export interface Outcome<Report> {
  readonly report: Report;
  /** One sentence for each thing that is not as it must be. */
  readonly faults: readonly string[];
}

/** What happens in a lab: the main script, or a scene. */
export interface Play<Report> {
  run(): Promise<Outcome<Report>>;
  /** What still goes on starts nothing any more. */
  close(): void;
}

export interface RunLabOptions {
  readonly keep: boolean;
  /** Told when something was found that a killed lab has left, and is gone now. */
  readonly onLeftovers?: (leftovers: Leftovers) => void;
  /** Told where logs were put, since something went wrong. */
  readonly onLogs?: (folder: string) => void;
}

export interface LabRun<Report> extends Outcome<Report> {
  /** The folder of a lab that goes on (`keep`); null: it is gone. */
  readonly kept: string | null;
}

/** Throws E_LAB_RUNNING, E_LAB_INTERRUPTED, and what a lab throws. */
export async function runLab<Report>(options: RunLabOptions, open: (folder: RunFolder) => Play<Report>): Promise<LabRun<Report>> {
  const { folder, leftovers } = await RunFolder.create();
  if (leftovers.namespaces + leftovers.processes > 0) options.onLeftovers?.(leftovers);
  const lab = open(folder);
  const interruption = new Interruption();
  let keeps = false;
  let isWell = false;
  try {
    const { report, faults } = await Promise.race([lab.run(), interruption.promise]);
    isWell = faults.length === 0;
    keeps = options.keep;
    if (keeps) folder.keep();
    return { report, faults, kept: keeps ? folder.path : null };
  } catch (error) {
    // A program that the terminal has interrupted as well may have failed first.
    await new Promise((resolve) => setImmediate(resolve));
    throw interruption.isOver ? await interruption.promise.catch((interrupted: unknown) => interrupted) : error;
  } finally {
    lab.close();
    if (!keeps) {
      if (!isWell && !interruption.isOver) options.onLogs?.(saveLogs(folder));
      await folder.remove();
    }
    interruption.ignore();
  }
}

/** A signal, or an error that nobody caught, as a rejection: so that it is cleaned up after like any other end. */
class Interruption {
  readonly promise: Promise<never>;
  isOver = false;
  readonly #handlers: [event: string, handler: (value: unknown) => void][];

  constructor() {
    let reject: (error: unknown) => void;
    this.promise = new Promise<never>((_, rejectIt) => (reject = rejectIt));
    // Nobody may be waiting any more.
    this.promise.catch(() => undefined);
    const onSignal = (signal: unknown): void => {
      this.isOver = true;
      const message = `the lab was interrupted (${String(signal)}), and is taken down`;
      reject(new DobbsError("E_LAB_INTERRUPTED", message, "Run it again; nothing of it is left.", 1));
    };
    this.#handlers = [
      ["SIGINT", onSignal],
      ["SIGTERM", onSignal],
      ["SIGHUP", onSignal],
      ["uncaughtException", (error) => reject(error)],
      ["unhandledRejection", (error) => reject(error)],
    ];
    for (const [event, handler] of this.#handlers) process.on(event, handler);
  }

  /** Signals do again what they do by themselves. */
  ignore(): void {
    for (const [event, handler] of this.#handlers) process.off(event, handler);
  }
}

function saveLogs(folder: RunFolder): string {
  const place = mkdtempSync(join(tmpdir(), "dobbs-lab-logs-"));
  for (const part of ["logs", "appliance.yaml", "resets.pcap", "segments.pcap"]) {
    try {
      cpSync(folder.join(part), join(place, part), { recursive: true });
    } catch {
      // It was not there yet.
    }
  }
  return place;
}

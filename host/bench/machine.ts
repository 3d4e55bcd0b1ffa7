/** What the figures were measured on. */
import { arch, availableParallelism, cpus, loadavg } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly arch: string;
  readonly node: string;
  readonly v8: string;
  /** Processes that were running or waiting in the last minute: far from 0, and others had a part in the figures. */
  readonly load: number;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cpus: availableParallelism(),
    arch: arch(),
    node: process.versions.node,
    v8: process.versions.v8,
    load: Math.round(loadavg()[0]! * 100) / 100,
  };
}

/**
 * What of an appliance cannot change while it has a state: it decides which bucket a client is in, or what clients have
 * learned. Remembered in the state folder, and compared at every start.
 */
import { createHash } from "node:crypto";
import { DobbsError } from "../errors.ts";
import type { Appliance, Blade } from "../model/appliance.ts";
import { ownersOfBlade } from "../model/appliance.ts";
import type { View } from "../supervisor/view.ts";
import type { BladeShelf } from "./blades.ts";

const FILE = "appliance.json";

interface Identity {
  readonly vips: readonly string[];
  readonly vmac: string;
  readonly buckets: number;
  readonly hash: string;
  /** A digest: the seed itself is a secret. */
  readonly seed: string;
}

/** Remembers the appliance, or compares. `seed`: the one in force, hex. Throws E_STATE_APPLIANCE. */
export function checkIdentity(appliance: Appliance, seed: string, shelf: BladeShelf): void {
  const now = identityOf(appliance, seed);
  const kept = shelf.read(FILE);
  if (kept === null) return shelf.write(FILE, `${JSON.stringify(now)}\n`);
  const before = JSON.parse(kept) as Identity;
  const changed = (Object.keys(now) as (keyof Identity)[]).filter((field) => JSON.stringify(now[field]) !== JSON.stringify(before[field]));
  if (changed.length === 0) return;
  const were = changed.map((field) => (field === "seed" ? "another seed" : `${field} ${textOf(before[field])}`)).join(", ");
  throw new DobbsError(
    "E_STATE_APPLIANCE",
    `the appliance in the state folder was started with ${were}; the appliance file says ${changed.map((field) => (field === "seed" ? "a seed" : textOf(now[field]))).join(", ")}`,
    "Put back what the file said, or start the changed appliance with another --state folder, and its blades with it.",
  );
}

/** Blades in service must be known as they are there. Throws E_STATE_APPLIANCE. */
export function checkMembers({ members }: View, find: (blade: string) => Blade | undefined): void {
  for (const { name, blade, mac, port, status } of members) {
    if (status !== "active" && status !== "draining") continue;
    const known = find(blade);
    const place = known && ownersOfBlade(known).find(({ owner }) => owner.name === name)?.owner;
    if (place?.mac === mac && place.port === port) continue;
    const says = place ? `the appliance file says MAC ${place.mac} and port ${place.port}` : "the appliance file does not have it";
    throw new DobbsError(
      "E_STATE_APPLIANCE",
      `${name} is in service with MAC ${mac} at port ${port}, and ${says}`,
      "Put it back; to change it, drain and remove it first, and add it anew.",
    );
  }
}

function identityOf({ vips, vmac, buckets, hash }: Appliance, seed: string): Identity {
  return { vips: [...vips].sort(), vmac, buckets, hash, seed: createHash("sha256").update(seed).digest("hex") };
}

function textOf(value: Identity[keyof Identity]): string {
  return Array.isArray(value) ? value.join(" ") : String(value);
}

/**
 * Random and mutated frames and messages, in lockstep on both engines, with state kept. `DOBBS_FUZZ_SEED` and
 * `DOBBS_FUZZ_COUNT` choose the run; a failure prints the seed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../host/emulator/random.ts";
import { Lockstep } from "./lockstep.ts";
import { seedFrames, setUpBlade, setUpSwitch, type SeedFrame } from "./seeds.ts";

const SEED = process.env["DOBBS_FUZZ_SEED"] ?? "1";
const COUNT = Number(process.env["DOBBS_FUZZ_COUNT"] ?? 1_000_000);
/** Mutations that change more than this rarely get past the first check. */
const CHANGES_MAX = 4;
const SETUPS = { blade: setUpBlade, switch: setUpSwitch } as const;
/** A message now and then between the frames, so that tables move under them. */
const FRAMES_PER_MESSAGE = 5_000;

for (const kind of ["blade", "switch"] as const) {
  const ports = kind === "blade" ? 5 : 9;

  test(`${COUNT} random frames through the ${kind} image`, () => {
    const random = new Random(`${SEED}/${kind}/random frames`);
    const lockstep = new Lockstep("tiny", kind, SETUPS[kind]);
    for (let n = 0; n < COUNT; n++) {
      const slot = lockstep.next();
      const length = random.between(0, 3) ? random.between(0, 128) : random.between(0, 2_000);
      random.fill(slot.subarray(0, Math.min(length, slot.length)));
      lockstep.put(length, random.between(0, ports));
    }
    finish(lockstep);
  });

  test(`${COUNT} mutations of valid frames through the ${kind} image`, () => {
    const random = new Random(`${SEED}/${kind}/mutated frames`);
    const lockstep = new Lockstep("tiny", kind, SETUPS[kind]);
    const seeds = seedFrames();
    for (let n = 0; n < COUNT; n++) {
      putMutation(lockstep, seeds, random, ports);
      if (n % FRAMES_PER_MESSAGE === 0) lockstep.manage(mutate(pick(lockstep.messages, random), random));
    }
    finish(lockstep);
    const verdicts = lockstep.reached("Verdict");
    const drops = lockstep.reached("Drop");
    assert.ok(verdicts.length >= (kind === "blade" ? 6 : 4), `only ${verdicts.join(", ")} came up`);
    assert.ok(drops.length >= (kind === "blade" ? 20 : 8), `only ${drops.join(", ")} came up`);
  });

  test(`${COUNT} random and mutated management messages to the ${kind} image`, () => {
    const random = new Random(`${SEED}/${kind}/messages`);
    const lockstep = new Lockstep("tiny", kind, SETUPS[kind]);
    const seeds = seedFrames();
    let statuses = 0;
    for (let n = 0; n < COUNT; n++) {
      if (n % 4 === 0) {
        lockstep.manage(random.fill(new Uint8Array(random.between(0, 1_600))));
      } else {
        lockstep.manage(withSequence(lockstep, mutate(pick(lockstep.messages, random), random), n));
      }
      // Frames in between: the tables that the messages have left behind must serve.
      if (n % 16 === 0) putMutation(lockstep, seeds, random, ports);
      statuses++;
    }
    assert.equal(statuses, COUNT);
    finish(lockstep);
  });
}

function finish(lockstep: Lockstep): void {
  lockstep.run();
  lockstep.compareAll();
  lockstep.checkCounters(0);
}

function putMutation(lockstep: Lockstep, seeds: readonly SeedFrame[], random: Random, ports: number): void {
  const { port, bytes } = pick(seeds, random);
  const frame = random.between(0, 1) ? bytes : mutate(bytes, random);
  const slot = lockstep.next();
  slot.set(frame.subarray(0, slot.length));
  lockstep.put(frame.length, random.between(0, 7) ? port : random.between(0, ports));
}

/** A few bytes changed, bits flipped, cut off or grown. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let copy: Uint8Array = bytes.slice();
  for (let change = random.between(1, CHANGES_MAX); change > 0; change--) {
    const at = copy.length ? random.between(0, copy.length - 1) : 0;
    const how = random.between(0, 9);
    if (how === 0) copy = copy.slice(0, at);
    else if (how === 1) copy = growth(copy, random);
    else if (how < 6) copy[at] = random.between(0, 255);
    else copy[at]! ^= 1 << random.between(0, 7);
  }
  return copy;
}

function growth(bytes: Uint8Array, random: Random): Uint8Array {
  const grown = new Uint8Array(bytes.length + random.between(1, 64));
  random.fill(grown.subarray(bytes.length));
  grown.set(bytes);
  return grown;
}

/** Most mutations get the next sequence number, and so past the envelope. */
function withSequence(lockstep: Lockstep, message: Uint8Array, n: number): Uint8Array {
  const struct = lockstep.layout.struct("Envelope");
  if (message.length < struct.size || n % 8 === 1) return message;
  struct.set(message, 0, "sequence", 1_000 + n);
  if (n % 2 === 0) struct.set(message, 0, "length", Math.min(message.length - struct.size, 0xffff));
  return message;
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.between(0, items.length - 1)]!;
}

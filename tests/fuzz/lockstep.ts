/** One image on two engines, fed the same; they must agree to the byte, and never trap. */
import assert from "node:assert/strict";
import { TRAPPED, type Instance } from "../../host/engine/engine.ts";
import { Firmware } from "../../host/engine/firmware.ts";
import { Layout, type Region } from "../../host/engine/layout.ts";
import { openEngine } from "../../host/engine/open.ts";
import { concat } from "../../host/management/records.ts";
import { imageBytes, Node } from "../conformance/node.ts";

/** Batches between two comparisons of all of both memories. */
const BATCHES_PER_COMPARISON = 200;

export class Lockstep {
  readonly layout: Layout;
  /** Slots of a batch. */
  readonly slots: number;
  /** Bytes of a slot. */
  readonly slotBytes: number;
  /** Real messages that brought the image into service: what mutations start from. */
  readonly messages: Uint8Array[] = [];
  frames = 0;
  readonly #instances: readonly [Instance, Instance];
  readonly #frame: Region;
  readonly #slot: Region;
  readonly #lengthAt: number;
  readonly #portAt: number;
  #batches = 0;
  #fill = 0;
  #now = 1000;

  constructor(board: string, kind: "blade" | "switch", setUp: (node: Node) => void) {
    const image = imageBytes(board, kind);
    const nodes = (["wasmtime", "v8"] as const).map((name) => new Node(openEngine(name), image));
    for (const node of nodes) {
      const message = node.message.bind(node);
      if (node === nodes[0]) node.message = (request) => concat([this.#kept(message(request))]);
      setUp(node);
    }
    this.#instances = [nodes[0]!.firmware.instance, nodes[1]!.firmware.instance];
    this.layout = nodes[0]!.firmware.layout;
    this.#frame = this.layout.region("FRAME");
    this.#slot = this.layout.region("SLOT");
    this.slots = this.layout.constant("RING_SLOTS");
    this.slotBytes = this.#frame.stride;
    const slot = this.layout.struct("Slot");
    this.#lengthAt = slot.field("length").offset;
    this.#portAt = slot.field("port").offset;
    this.compareAll();
  }

  /** The bytes of the next slot, to write a frame in. */
  next(): Uint8Array {
    const at = this.#frame.address + this.#fill * this.slotBytes;
    return this.#instances[0].memory().subarray(at, at + this.slotBytes);
  }

  /** Says that the next slot holds a frame of `length` bytes (more than a slot holds, too) from `port`. */
  put(length: number, port: number): void {
    const memory = this.#instances[0].memory();
    const at = this.#slot.address + this.#fill * this.#slot.stride;
    memory[at + this.#lengthAt] = length & 0xff;
    memory[at + this.#lengthAt + 1] = length >>> 8;
    memory[at + this.#portAt] = port;
    this.frames++;
    if (++this.#fill === this.slots) this.run();
  }

  run(): void {
    const [first, second] = this.#instances;
    for (const { address, stride } of [this.#frame, this.#slot]) {
      second.memory().set(first.memory().subarray(address, address + this.#fill * stride), address);
    }
    const left = this.#instances.map((instance) => instance.process(0, this.#fill, this.#now));
    assert.notEqual(left[0], TRAPPED, `wasmtime trapped: ${first.lastTrap}`);
    assert.notEqual(left[1], TRAPPED, `V8 trapped: ${second.lastTrap}`);
    assert.equal(left[0], left[1], "egress records");
    this.#compare("EGRESS", left[0]!);
    this.#compare("SLOT", this.#fill);
    this.#now += 3;
    this.#fill = 0;
    if (++this.#batches % BATCHES_PER_COMPARISON === 0) this.compareAll();
  }

  /** Sends a message to both. */
  manage(message: Uint8Array): void {
    const inbox = this.layout.region("INBOX");
    const outbox = this.layout.region("OUTBOX");
    const lengths = this.#instances.map((instance) => {
      instance.memory().set(message.subarray(0, inbox.stride), inbox.address);
      return instance.manage(message.length, this.#now);
    });
    assert.notEqual(lengths[0], TRAPPED, `wasmtime trapped: ${this.#instances[0].lastTrap}`);
    assert.equal(lengths[0], lengths[1], "bytes of the answer");
    const [first, second] = this.#instances.map((i) => i.memory().subarray(outbox.address, outbox.address + lengths[0]!));
    assert.ok(Buffer.compare(first!, second!) === 0, "answers differ");
  }

  compareAll(): void {
    const [first, second] = this.#instances;
    assert.ok(Buffer.compare(first.memory(), second.memory()) === 0, "the memories of the two engines differ");
  }

  /** Every frame has one verdict, every drop one reason; nothing restarted. */
  checkCounters(framesBefore: number): void {
    for (const instance of this.#instances) {
      const total = (region: string): bigint =>
        instance.counters(this.layout.code("RegionId", region)).reduce((sum, count) => sum + count, 0n);
      const event = (name: string): bigint =>
        instance.counters(this.layout.code("RegionId", "EVENT_COUNTER"))[this.layout.code("Event", name)]!;
      const drops = instance.counters(this.layout.code("RegionId", "VERDICT_COUNTER"))[this.layout.code("Verdict", "DROP")];
      assert.equal(event("FRAME_IN"), BigInt(this.frames + framesBefore), "frames in");
      assert.equal(total("VERDICT_COUNTER"), event("FRAME_IN"), "verdicts add up to frames in");
      assert.equal(total("DROP_COUNTER"), drops, "reasons add up to drops");
      assert.equal(instance.restarts, 0);
    }
  }

  /** How often each drop reason and verdict came up: a fuzz run that only ever drops BAD_ETHERNET tests nothing. */
  reached(group: "Verdict" | "Drop"): string[] {
    const region = group === "Verdict" ? "VERDICT_COUNTER" : "DROP_COUNTER";
    const counts = this.#instances[0].counters(this.layout.code("RegionId", region));
    return this.layout.names(group).filter((name) => (counts[this.layout.code(group, name)] ?? 0n) > 0n);
  }

  #kept(message: Uint8Array): Uint8Array {
    this.messages.push(message);
    return message;
  }

  #compare(name: string, count: number): void {
    const { address, stride } = this.layout.region(name);
    const [first, second] = this.#instances.map((i) => i.memory().subarray(address, address + count * stride));
    assert.ok(Buffer.compare(first!, second!) === 0, `${name} differs in batch ${this.#batches}`);
  }
}

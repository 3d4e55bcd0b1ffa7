/** Breadth-first exploration of all that a system may come to: the first violation that is found has a shortest trace. */
import type { System } from "./system.ts";

export interface Violation {
  readonly what: string;
  /** What happened, in order. */
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Steps from the beginning to the state that is farthest from it. */
  readonly depth: number;
  /** Whether all states were explored: no violation, and no limit, has ended it. */
  readonly isExhaustive: boolean;
  readonly violation: Violation | null;
}

const FIRST_CAPACITY = 1 << 16;
/** The hash table has this many places for a state, at least. */
const PLACES_PER_STATE = 2;

export function explore(system: System, statesMax: number, onProgress: (states: number, depth: number) => void = () => undefined): Exploration {
  const found = new States(system.words);
  found.add(system.initial(), 0);
  let transitions = 0;
  let depth = 0;
  let levelEnd = 1;
  let violation: Violation | null = null;
  let at = 0;
  const emit = (): void => {
    transitions++;
    if (system.violation !== null) {
      violation ??= { what: system.violation, trace: traceTo(system, found, at) };
      return;
    }
    found.add(system.next, at);
  };
  for (; at < found.count && violation === null && found.count <= statesMax; at++) {
    if (at === levelEnd) {
      depth++;
      levelEnd = found.count;
      onProgress(found.count, depth);
    }
    system.successors(found.words, at * system.words, emit);
  }
  return { states: found.count, transitions, depth, isExhaustive: violation === null && at === found.count, violation };
}

/** The steps to state `last`, and the one from there that violates. */
function traceTo(system: System, found: States, last: number): string[] {
  const path: number[] = [];
  for (let at = last; at !== 0; at = found.parents[at]!) path.unshift(at);
  const copy = found.words.slice(0, found.count * system.words);
  const lines: string[] = [];
  const line = (from: number, isIt: () => boolean): void => {
    let text: string | null = null;
    system.isTracing = true;
    system.successors(copy, from * system.words, () => {
      if (text === null && isIt()) text = system.text;
    });
    system.isTracing = false;
    lines.push(text ?? "?");
  };
  let from = 0;
  for (const to of path) {
    line(from, () => system.violation === null && system.next.every((word, index) => word === copy[to * system.words + index]));
    from = to;
  }
  line(from, () => system.violation !== null);
  return lines;
}

/** All states found, in the order in which they were, each once. */
class States {
  words: Uint32Array;
  /** By state: the one that it was first reached from. */
  parents = new Uint32Array(FIRST_CAPACITY);
  count = 0;
  /** Open addressing: a state's number + 1, 0 for a free place. */
  #places = new Uint32Array(FIRST_CAPACITY * PLACES_PER_STATE);
  #mask = FIRST_CAPACITY * PLACES_PER_STATE - 1;
  readonly #size: number;

  /** `size`: numbers of a state. */
  constructor(size: number) {
    this.#size = size;
    this.words = new Uint32Array(FIRST_CAPACITY * size);
  }

  add(state: Uint32Array, parent: number): void {
    const size = this.#size;
    let place = hash(state, 0, size) & this.#mask;
    for (let other = this.#places[place]!; other !== 0; other = this.#places[place]!) {
      if (this.#isSame(state, (other - 1) * size)) return;
      place = (place + 1) & this.#mask;
    }
    if (this.count === this.parents.length) {
      this.#grow();
      return this.add(state, parent);
    }
    this.words.set(state, this.count * size);
    this.parents[this.count] = parent;
    this.count++;
    this.#places[place] = this.count;
  }

  #isSame(state: Uint32Array, at: number): boolean {
    for (let word = 0; word < this.#size; word++) if (this.words[at + word] !== state[word]) return false;
    return true;
  }

  #grow(): void {
    const capacity = this.parents.length * 2;
    const size = this.#size;
    const words = new Uint32Array(capacity * size);
    words.set(this.words);
    this.words = words;
    const parents = new Uint32Array(capacity);
    parents.set(this.parents);
    this.parents = parents;
    this.#places = new Uint32Array(capacity * PLACES_PER_STATE);
    this.#mask = capacity * PLACES_PER_STATE - 1;
    for (let number = 0; number < this.count; number++) {
      let place = hash(words, number * size, size) & this.#mask;
      while (this.#places[place] !== 0) place = (place + 1) & this.#mask;
      this.#places[place] = number + 1;
    }
  }
}

function hash(words: Uint32Array, at: number, size: number): number {
  let value = 0x9e3779b9;
  for (let word = 0; word < size; word++) {
    value = Math.imul(value ^ words[at + word]!, 0x85ebca6b);
    value ^= value >>> 15;
  }
  value = Math.imul(value, 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

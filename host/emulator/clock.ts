/**
 * Virtual time: a queue of what is to happen, in microseconds since the run began. Nothing in a run reads another
 * clock, and what is due at the same instant happens in the order in which it was asked for.
 */
import type { Cancel, Clock } from "../supervisor/environment.ts";

export const US_PER_MS = 1_000;
export const US_PER_SECOND = 1_000_000;

interface Task {
  readonly at: number;
  /** Tie-break: tasks of one instant run in the order in which they were made. */
  readonly order: number;
  /** Null: cancelled. */
  run: (() => void) | null;
}

export class VirtualClock {
  #now = 0;
  #made = 0;
  /** Binary heap, earliest first. */
  readonly #heap: Task[] = [];

  /** µs since the run began. */
  get now(): number {
    return this.#now;
  }

  /** Runs `run` at `at` µs, or at once after what is due now when that is over. */
  at(at: number, run: () => void): Cancel {
    const task: Task = { at: Math.max(Math.round(at), this.#now), order: this.#made++, run };
    this.#push(task);
    return () => {
      task.run = null;
    };
  }

  after(us: number, run: () => void): Cancel {
    return this.at(this.#now + us, run);
  }

  /** Lets everything happen that is due up to `end` µs, and leaves the clock there. */
  runUntil(end: number): void {
    for (let task = this.#heap[0]; task !== undefined && task.at <= end; task = this.#heap[0]) {
      this.#pop();
      if (task.run === null) continue;
      this.#now = task.at;
      task.run();
    }
    this.#now = end;
  }

  /** The same clock as the supervisor sees it: in whole milliseconds. */
  inMs(): Clock {
    return {
      now: () => Math.floor(this.#now / US_PER_MS),
      after: (ms, run) => this.after(ms * US_PER_MS, run),
    };
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(task, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = task;
  }

  /** Takes the first task off the heap. */
  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

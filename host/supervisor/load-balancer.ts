/** Looks regularly who has how much to do, and asks for moves by load (`load-policy.ts`): one at a time, and none while
 *  anything else is under way. */
import type { LoadBalance } from "../model/appliance.ts";
import type { Core } from "./core.ts";
import { planByLoad } from "./load-policy.ts";
import type { Sessions } from "./messages.ts";
import type { LoadRequest } from "./requests.ts";
import { bladesOf } from "./view.ts";

export class LoadBalancer {
  readonly #core: Core;
  /** Null: buckets move by weights only. */
  readonly #policy: LoadBalance | null;
  readonly #onMove: (request: LoadRequest) => void;
  /** What blades have said since the last look, or the last move. */
  readonly #heard = new Map<string, { sum: number; count: number }>();
  /** Whether the last look began after the last move: what was said before is of another assignment. */
  #isWhole = false;
  #isUneven = false;
  #started = false;

  constructor(core: Core, policy: LoadBalance | null, onMove: (request: LoadRequest) => void) {
    this.#core = core;
    this.#policy = policy;
    this.#onMove = onMove;
  }

  start(): void {
    if (this.#started || this.#policy === null) return;
    this.#started = true;
    this.#later(this.#policy);
  }

  onSessions(from: string, { load, healthy }: Sessions): void {
    if (this.#policy === null || load === null || !healthy) return;
    const { sum, count } = this.#heard.get(from) ?? { sum: 0, count: 0 };
    this.#heard.set(from, { sum: sum + load, count: count + 1 });
  }

  /** Buckets have moved, by whatever. */
  moved(): void {
    this.#heard.clear();
    this.#isWhole = false;
  }

  #later(policy: LoadBalance): void {
    this.#core.timer(policy.everyMs, () => {
      this.#later(policy);
      this.#look(policy);
      this.#heard.clear();
      this.#isWhole = true;
    });
  }

  #look(policy: LoadBalance): void {
    const { state, watch, now } = this.#core;
    if (!this.#isWhole || state.running !== null || state.waiting.length > 0) return;
    const well = bladesOf(state.view, "active").filter((blade) => watch.isWell(blade, now) && this.#heard.has(blade));
    const loads = new Map(well.map((blade) => [blade, this.#meanOf(blade)]));
    const live = watch.liveByPlace();
    const picture = { view: state.view, assignment: state.assignment, loads, live: (owner: string, bucket: number) => live.get(owner)?.get(bucket) ?? 0 };
    const { isUneven, moves, factors } = planByLoad(picture, policy, this.#isUneven);
    if (isUneven !== this.#isUneven) this.#core.note(isUneven ? "uneven" : "even", { loads: textOf(loads) });
    this.#isUneven = isUneven;
    if (moves.length > 0) this.#onMove({ kind: "load", moves, factors });
  }

  #meanOf(blade: string): number {
    const { sum, count } = this.#heard.get(blade)!;
    return sum / count;
  }
}

/** `ardsley 1.20, dobbs-ferry 0.31`. */
function textOf(loads: ReadonlyMap<string, number>): string {
  return [...loads].map(([blade, load]) => `${blade} ${load.toFixed(2)}`).join(", ");
}

/** The appliance manager in the model: the generations that it has made, what was reported to it, who has failed. */
import { bladesIn, type Configuration, type Weakening } from "./configuration.ts";

export interface ManagerState {
  /** By generation, from 1 on: the history of the bucket. */
  readonly histories: readonly (readonly number[])[];
  /** By blade: the generation under which it has reported that the bucket has drained, 0: it has not. */
  readonly reports: readonly number[];
  readonly failed: readonly boolean[];
  /** Previous owners whose connections a deadline has cut. */
  readonly cut: readonly boolean[];
  /** By blade: the generation by which it has fallen off a full history, 0: it has not. */
  readonly displaced: readonly number[];
}

/** A new generation, and why. */
export interface Decision {
  readonly after: number;
  readonly text: string;
  /** The blade that nothing reaches from here on. */
  readonly fenced: number | null;
}

export class Managers {
  readonly states: ManagerState[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #decisions: (readonly Decision[] | undefined)[] = [];
  readonly #targets: (readonly number[] | undefined)[] = [];
  readonly #configuration: Configuration;
  readonly #weakening: Weakening | null;

  constructor(configuration: Configuration, weakening: Weakening | null) {
    this.#configuration = configuration;
    this.#weakening = weakening;
  }

  initial(): number {
    const none = Array.from({ length: bladesIn(this.#configuration) }, () => false);
    const zeros = none.map(() => 0);
    return this.#number({ histories: [[0]], reports: zeros, failed: none, cut: none, displaced: zeros });
  }

  /** The blades to which a switch may still send the bucket: it may have any generation, as may the frames that it has
   *  sent. So there is no switch in the model: there are as many as one likes, each as stale as it likes. */
  targets(number: number): readonly number[] {
    return (this.#targets[number] ??= [...new Set(this.states[number]!.histories.map(([current]) => current!))]);
  }

  /** Generations that the manager may make next. */
  decisions(number: number): readonly Decision[] {
    return (this.#decisions[number] ??= this.#decide(this.states[number]!));
  }

  /** A report has arrived. */
  reported(number: number, blade: number, generation: number): number {
    const state = this.states[number]!;
    // An older one is of no use, but to the weakening that believes it.
    const isHeard = generation === state.histories.length || this.#weakening === "drain-reported-under-an-old-generation";
    if (!isHeard || state.reports[blade]! >= generation) return number;
    return this.#number({ ...state, reports: state.reports.map((old, other) => (other === blade ? generation : old)) });
  }

  #decide(state: ManagerState): Decision[] {
    const { generations, failures, cuts, depth, onward, forced } = this.#configuration;
    const { histories, reports, failed, cut, displaced } = state;
    if (histories.length >= generations) return [];
    const history = histories.at(-1)!;
    const decisions: Decision[] = [];
    const decide = (
      text: string,
      next: readonly number[],
      changes: Partial<ManagerState> = {},
      fenced: number | null = null,
    ): void => {
      const isOld = this.#weakening !== "drain-reported-under-an-old-generation";
      const after = { ...state, histories: [...histories, next], reports: isOld ? reports.map(() => 0) : reports, ...changes };
      const generation = histories.length + 1;
      decisions.push({ after: this.#number(after), text: `${text}: generation ${generation} is ${spell(next)}`, fenced });
    };
    const move = (blade: number, next: readonly number[]): void => {
      const text = `the bucket moves to ${nameOfBlade(blade)}`;
      const oldest = next[depth];
      if (oldest === undefined) return decide(text, next);
      if (displaced.filter(Boolean).length >= forced) return;
      const after = displaced.map((old, other) => (other === oldest ? histories.length + 1 : old));
      decide(`${text} by force, and ${nameOfBlade(oldest)} falls off`, next.slice(0, depth), { displaced: after });
    };
    const owned = new Set(histories.flat());
    for (let blade = 0; blade < this.#configuration.blades; blade++) {
      if (failed[blade]) continue;
      const others = history.filter((other) => other !== blade);
      const index = history.indexOf(blade);
      // Blades that have owned nothing are all alike: the first of them stands for all.
      const isFirstUnused = !owned.has(blade) && !Array.from({ length: blade }, (_, n) => n).some((n) => !owned.has(n) && !failed[n]);
      // What an owner that fell off has left over must have ended before it comes back: not in this model.
      const mayHave = owned.has(blade) ? !onward && displaced[blade] === 0 : isFirstUnused;
      if (index !== 0 && mayHave) move(blade, [blade, ...others]);
      const hasDrained =
        reports[blade] === histories.length || (reports[blade]! > 0 && this.#weakening === "drain-reported-under-an-old-generation");
      if (index > 0 && hasDrained) decide(`${nameOfBlade(blade)} is forgotten`, others);
      if (index > 0 && cut.filter(Boolean).length < cuts) {
        const after = { cut: cut.map((old, other) => old || other === blade) };
        decide(`the deadline of ${nameOfBlade(blade)} is over`, others, after, blade);
      }
      if (index >= 0 && failed.filter(Boolean).length < failures) {
        const after = { failed: failed.map((old, other) => old || other === blade) };
        const text = `${nameOfBlade(blade)} is declared failed`;
        if (index > 0) decide(text, others, after, blade);
        else {
          for (let heir = 0; heir < this.#configuration.blades; heir++) {
            if (heir !== blade && !failed[heir]) decide(text, [heir, ...others.filter((other) => other !== heir)], after, blade);
          }
        }
      }
    }
    return decisions;
  }

  #number(state: ManagerState): number {
    const key = JSON.stringify(state);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.states.length;
      this.states.push(state);
      this.#numbers.set(key, number);
      this.#decisions.push(undefined);
      this.#targets.push(undefined);
    }
    return number;
  }
}

export function nameOfBlade(blade: number): string {
  return "XYZVW"[blade]!;
}

export function spell(history: readonly number[]): string {
  return history.map(nameOfBlade).join(" before ");
}

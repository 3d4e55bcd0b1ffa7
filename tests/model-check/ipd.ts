/**
 * The states of blades' IPDs that were met, and what the image does in each of them. There is no model of the firmware: each reaction is
 * the image's (`ipd-image.ts`), and is asked for once. The explorer works on numbers.
 */
import { IpdImage } from "./ipd-image.ts";
import { isLiveRow, keyOf, ROW_COOKIE, ROW_OPENING, ROW_OVER, ROW_STATE_MASK, ROW_TOUCHED, type Input, type IpdOptions, type IpdState, type Outcome } from "./ipd-state.ts";

export interface Reaction extends Outcome {
  /** Number of the state after it. */
  readonly after: number;
}

export class Ipds {
  /** By number. */
  readonly states: IpdState[] = [];
  /** Reactions that the image was asked for. */
  computed = 0;
  readonly #numbers = new Map<string, number>();
  readonly #reactions: Map<string, Reaction>[] = [];
  readonly #image: IpdImage;

  constructor(wasm: Uint8Array, options: IpdOptions) {
    this.#image = new IpdImage(wasm, options);
  }

  /** An IPD with an assignment, and without anything else. */
  initial(owner: number, generation: number, history: readonly number[]): number {
    return this.number(this.#image.initial(owner, generation, history));
  }

  number(state: IpdState): number {
    const key = keyOf(state);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.states.length;
      this.states.push(state);
      this.#reactions.push(new Map());
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** The state in which all rows count as touched: no traffic manager is asking. */
  unmarked(number: number): number {
    const state = this.states[number]!;
    return this.number({ ...state, rows: state.rows.map((row) => (isLiveRow(row) ? row | ROW_TOUCHED : row)) });
  }

  /** The state in which the SYN cookie for `tuple` that its row may stand for has run out. */
  withoutCookie(number: number, tuple: number): number {
    const state = this.states[number]!;
    const ended = (row: number): number => ((row & ROW_STATE_MASK) === ROW_COOKIE ? ROW_OPENING | (row & ROW_TOUCHED) : row);
    return this.number({ ...state, rows: state.rows.map((row, other) => (other === tuple ? ended(row) : row)) });
  }

  /** The state in which all SYN cookies have run out of which no row tells. */
  withoutLostCookies(number: number): number {
    return this.number({ ...this.states[number]!, lost: false });
  }

  /** The state in which the row of `tuple`, which is of UDP, was not touched for its service's time. */
  expired(number: number, tuple: number): number {
    const state = this.states[number]!;
    return this.number({ ...state, rows: state.rows.map((row, other) => (other === tuple && isLiveRow(row) ? ROW_OVER : row)) });
  }

  /** The state in which no row counts as touched. */
  marked(number: number): number {
    const state = this.states[number]!;
    return this.number({ ...state, rows: state.rows.map((row) => row & ROW_STATE_MASK) });
  }

  react(number: number, input: Input): Reaction {
    const reactions = this.#reactions[number]!;
    const key = inputKey(input);
    let reaction = reactions.get(key);
    if (!reaction) reactions.set(key, (reaction = this.#compute(number, input)));
    return reaction;
  }

  #compute(number: number, input: Input): Reaction {
    this.computed++;
    const { after, ...outcome } = this.#image.react(this.states[number]!, input);
    return { ...outcome, after: this.number(after) };
  }
}

function inputKey(input: Input): string {
  return Object.values(input).join("|");
}

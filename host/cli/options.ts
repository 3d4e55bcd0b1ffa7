/** Options that several commands share, and the parsers of their values. A wrong value is E_USAGE. */
import { InvalidArgumentError, Option } from "commander";
import { DEFAULT_BOARD } from "../boards/board.ts";
import { DEFAULT_ENGINE, ENGINES } from "../engine/open.ts";


const SEED_MAX = 2 ** 32 - 1;

/** What `jsonOption` gives an action. */
export interface JsonOption {
  readonly json?: true;
}

export function jsonOption(): Option {
  return new Option("--json", "print one JSON document on stdout instead of text");
}

export function engineOption(): Option {
  return new Option("--engine <name>", "what runs the image").choices(ENGINES).default(DEFAULT_ENGINE);
}

export function boardOption(): Option {
  return new Option("--board <name>", "take the image that was built for this board").default(DEFAULT_BOARD);
}

export function seedOption(): Option {
  return new Option("--seed <n>", "a whole number that all chance follows from, instead of the scenario's own")
    .argParser(wholeNumber(0, SEED_MAX));
}

/** `--redirect off` shows what is lost without redirection. Parsed to a boolean. */
export function redirectOption(): Option {
  return new Option("--redirect <on|off>", "off: never send a frame on to another blade, to see what that costs")
    .argParser(onOff)
    .default(true, "on");
}

function onOff(text: string): boolean {
  if (text === "on" || text === "off") return text === "on";
  throw new InvalidArgumentError("Allowed choices are on, off.");
}

/** A parser of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

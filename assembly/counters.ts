/** Counters, u64, each by its enum. Verdicts add up to FRAME_IN; drop reasons add up to the DROP verdict. */
import { Drop, Event, Rule, Verdict } from "./abi";

/** Members of the enums, with room for the highest value of each. */
export const VERDICTS: u32 = 16;
export const DROPS: u32 = 64;
export const EVENTS: u32 = 64;
export const RULES: u32 = 64;

export const VERDICT_COUNTERS: usize = memory.data(VERDICTS * 8, 16);
export const DROP_COUNTERS: usize = memory.data(DROPS * 8, 16);
export const EVENT_COUNTERS: usize = memory.data(EVENTS * 8, 16);
export const RULE_COUNTERS: usize = memory.data(RULES * 8, 16);

// @ts-ignore: decorator
@inline
function add(counter: usize, amount: u64): void {
  store<u64>(counter, load<u64>(counter) + amount);
}

// @ts-ignore: decorator
@inline
export function countVerdict(verdict: u32): void {
  add(VERDICT_COUNTERS + verdict * 8, 1);
}

// @ts-ignore: decorator
@inline
export function countDrop(reason: u32): void {
  add(DROP_COUNTERS + reason * 8, 1);
}

// @ts-ignore: decorator
@inline
export function count(event: u32): void {
  add(EVENT_COUNTERS + event * 8, 1);
}

// @ts-ignore: decorator
@inline
export function countRule(rule: u32): void {
  add(RULE_COUNTERS + rule * 8, 1);
}

// @ts-ignore: decorator
@inline
export function countMany(event: u32, amount: u64): void {
  add(EVENT_COUNTERS + event * 8, amount);
}

if (<u32>Verdict.PARK >= VERDICTS) ERROR("a verdict without a counter");
if (<u32>Drop.WRONG_SERVER >= DROPS) ERROR("a drop reason without a counter");
if (<u32>Event.HANDOVER_OVERFLOW >= EVENTS) ERROR("an event without a counter");
if (<u32>Rule.NAMED_ASTRAY >= RULES) ERROR("a line of the rule without a counter");

/** What became of the last frame at the blade under test, and what it has taught. */
import { Verdict } from "../../abi";
import { generation } from "../../buckets";
import { EVENT_COUNTERS } from "../../counters";
import { Flow, find } from "../../flows";
import { packetAt } from "../../packet";
import { isTag, tagGeneration, tagKind } from "../../redirect";
import { dropReason, egress, sentFrom, sentTo } from "./blade";
import { ownerMac } from "./frames";

export function events(event: u32): u64 {
  return load<u64>(EVENT_COUNTERS + event * 8);
}

/** State of the flow that the last frame was of, or 0. */
export function lastState(local: u32): u32 {
  const at = find(packetAt(0), local);
  return at == 0 ? 0 : changetype<Flow>(at).state;
}

export function expectDropped(verdict: u32, reason: u32): void {
  expect<u32>(verdict).toBe(Verdict.DROP);
  expect<u32>(dropReason()).toBe(reason);
}

/** To the host of owner `owner`, which is behind the port of the same number. */
export function expectDelivered(verdict: u32, owner: u32): void {
  expect<u32>(verdict).toBe(Verdict.DELIVER);
  expect<u64>(sentTo(0)).toBe(ownerMac(owner));
  expect<u32>(egress(0).port).toBe(owner);
}

/** Out of the wire, to owner `owner`, with a tag of this kind and of the generation in force. */
export function expectTag(kind: u32, owner: u32): void {
  expect<u64>(sentTo(0)).toBe(ownerMac(owner));
  expect<bool>(isTag(sentFrom(0))).toBe(true);
  expect<u32>(tagKind(sentFrom(0))).toBe(kind);
  expect<u32>(tagGeneration(sentFrom(0))).toBe(generation() & 0xffff);
  expect<u32>(egress(0).port).toBe(0);
}

export function expectRedirected(verdict: u32, kind: u32, owner: u32): void {
  expect<u32>(verdict).toBe(Verdict.REDIRECT);
  expectTag(kind, owner);
}

/**
 * The per-packet rule (design, section 4; why it is safe: docs/protocol.md), as a pure function in the rule's order.
 *
 * ```
 * kind copy:    deliver; teaches nothing
 * kind final:   known, or (f.gen == g and i == 0) -> deliver and record; else drop
 * known:        deliver
 * kind hop h:   f.gen != g -> drop;  T not complete for the bucket -> drop
 *               H[h+1] exists -> hop h+1 to H[h+1];  else final to H[0]
 * kind resteer: i != 0 or f.gen > g -> drop;  else as direct
 * direct, i = 0: no H[1] -> deliver and record;  else hop 1 to H[1]
 * direct, i != 0: (i > 0 and not complete) -> drop;  else resteer to H[0]
 * ```
 */
import { Drop } from "./abi";
import { RedirectKind, isHop } from "./redirect";

export enum Action {
  DROP = 0,
  DELIVER = 1,
  /** Deliver, and if the segment opens a flow, record it. */
  RECORD = 2,
  /** Send to another owner, with this kind of tag: its place in the history is `target`. */
  REDIRECT = 3,
}

/** A decision in one u32: action, and drop reason or redirect kind and target. */
// @ts-ignore: decorator
@inline
function decision(action: u32, detail: u32, target: u32): u32 {
  return action | (detail << 8) | (target << 16);
}

// @ts-ignore: decorator
@inline
export function actionOf(decision: u32): u32 {
  return decision & 0xff;
}

/** The `Drop` of a DROP, the `RedirectKind` of a REDIRECT. */
// @ts-ignore: decorator
@inline
export function detailOf(decision: u32): u32 {
  return (decision >>> 8) & 0xff;
}

/** Index in the history of the owner that a REDIRECT goes to. */
// @ts-ignore: decorator
@inline
export function targetOf(decision: u32): u32 {
  return decision >>> 16;
}

// @ts-ignore: decorator
@inline
function drop(reason: u32): u32 {
  return decision(Action.DROP, reason, 0);
}

/**
 * Decides on a TCP segment at owner X.
 *
 * @param kind `RedirectKind` of the frame's tag, DIRECT without one
 * @param ahead generation of the frame minus X's; 0 for a direct frame
 * @param index X's index in its history of the bucket, or -1
 * @param depth owners in that history
 * @param known X's flow table has the flow, and not (the bucket is sealed here and the segment is a SYN)
 * @param complete X's flow table is complete for the bucket
 */
export function decide(kind: u32, ahead: i32, index: i32, depth: u32, known: bool, complete: bool): u32 {
  if (depth == 0) return drop(Drop.NO_ASSIGNMENT);
  if (kind == RedirectKind.COPY) return decision(Action.DELIVER, 0, 0);
  if (kind == RedirectKind.FINAL) {
    if (known || (ahead == 0 && index == 0)) return decision(Action.RECORD, 0, 0);
    return drop(Drop.STALE_FINAL);
  }
  if (known) return decision(Action.DELIVER, 0, 0);
  if (isHop(kind)) {
    if (ahead != 0) return drop(Drop.STALE_HOP);
    if (index < 0) return drop(Drop.NOT_IN_HISTORY);
    if (!complete) return drop(Drop.NOT_COMPLETE);
    const hop = kind - RedirectKind.HOP1 + 1;
    if (hop + 1 < depth) return decision(Action.REDIRECT, RedirectKind.HOP1 + hop, hop + 1);
    return decision(Action.REDIRECT, RedirectKind.FINAL, 0);
  }
  if (kind == RedirectKind.RESTEER) {
    if (index != 0 || ahead > 0) return drop(Drop.STALE_RESTEER);
  } else if (kind != RedirectKind.DIRECT) {
    return drop(Drop.BAD_TAG);
  }
  if (index == 0) {
    if (depth == 1) return decision(Action.RECORD, 0, 0);
    return decision(Action.REDIRECT, RedirectKind.HOP1, 1);
  }
  if (index > 0 && !complete) return drop(Drop.NOT_COMPLETE);
  return decision(Action.REDIRECT, RedirectKind.RESTEER, 0);
}

/** Decides on a packet without a flow (UDP and ICMP queries): it is the current owner's. Parameters as above. */
export function decideCurrent(kind: u32, ahead: i32, index: i32, depth: u32): u32 {
  if (depth == 0) return drop(Drop.NO_ASSIGNMENT);
  if (kind == RedirectKind.COPY) return decision(Action.DELIVER, 0, 0);
  if (kind == RedirectKind.RESTEER) {
    if (index != 0 || ahead > 0) return drop(Drop.STALE_RESTEER);
  } else if (kind != RedirectKind.DIRECT) {
    return drop(Drop.BAD_TAG);
  }
  if (index == 0) return decision(Action.DELIVER, 0, 0);
  return decision(Action.REDIRECT, RedirectKind.RESTEER, 0);
}

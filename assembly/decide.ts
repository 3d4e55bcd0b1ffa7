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
 * direct, i = 0: the first previous owner to ask is H[h] -> hop h to it;  none -> deliver and record
 * direct, i != 0: (i > 0 and not complete) -> drop;  else resteer to H[0]
 * ```
 */
import { Drop, Rule } from "./abi";
import { RedirectKind, isHop } from "./redirect";

export enum Action {
  DROP = 0,
  DELIVER = 1,
  /** Deliver, and if the segment opens a flow, record it. */
  RECORD = 2,
  /** Send to another owner, with this kind of tag: its place in the history is `target`. */
  REDIRECT = 3,
  /** Let it wait for the first fragment of its packet. */
  PARK = 4,
}

/** A decision in one u32: action; drop reason or redirect kind; target; line of the rule. */
// @ts-ignore: decorator
@inline
function decision(rule: u32, action: u32, detail: u32, target: u32): u32 {
  return action | (detail << 8) | (target << 16) | (rule << 24);
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
  return (decision >>> 16) & 0xff;
}

/** The `Rule` that was taken. */
// @ts-ignore: decorator
@inline
export function ruleOf(decision: u32): u32 {
  return decision >>> 24;
}

// @ts-ignore: decorator
@inline
function drop(rule: u32, reason: u32): u32 {
  return decision(rule, Action.DROP, reason, 0);
}

// @ts-ignore: decorator
@inline
function deliver(rule: u32, action: u32): u32 {
  return decision(rule, action, 0, 0);
}

// @ts-ignore: decorator
@inline
function redirect(rule: u32, kind: u32, target: u32): u32 {
  return decision(rule, Action.REDIRECT, kind, target);
}

/** The drop of a frame that is neither direct nor a resteered one that has come to where it belongs; 0: it is one of these. Never
 *  resteered twice: that bounds the path. */
// @ts-ignore: decorator
@inline
function refusedAsSteered(kind: u32, ahead: i32, index: i32): u32 {
  if (kind == RedirectKind.DIRECT) return 0;
  if (kind != RedirectKind.RESTEER) return drop(Rule.BAD_TAG, Drop.BAD_TAG);
  if (index != 0 || ahead > 0) return drop(Rule.RESTEER_STALE, Drop.STALE_RESTEER);
  return 0;
}

/**
 * Decides on a packet of a flow at owner X.
 *
 * @param kind `RedirectKind` of the frame's tag, DIRECT without one
 * @param ahead generation of the frame minus X's; 0 for a direct frame
 * @param index X's index in its history of the bucket, or -1
 * @param depth owners in that history
 * @param first index of the first previous owner that has to be asked: 1 or, where handover lists say that those before do not
 *   have the flow, more; `depth` or more: none has to be
 * @param known X's flow table has the flow, and not (the bucket is sealed here and the segment is a SYN)
 * @param complete X's flow table is complete for the bucket
 */
export function decide(kind: u32, ahead: i32, index: i32, depth: u32, first: u32, known: bool, complete: bool): u32 {
  if (depth == 0) return drop(Rule.NO_OWNER, Drop.NO_ASSIGNMENT);
  if (kind == RedirectKind.COPY) return deliver(Rule.COPY, Action.DELIVER);
  if (kind == RedirectKind.FINAL) {
    if (known) return deliver(Rule.FINAL_KNOWN, Action.RECORD);
    if (ahead == 0 && index == 0) return deliver(Rule.FINAL_CURRENT, Action.RECORD);
    return drop(Rule.FINAL_STALE, Drop.STALE_FINAL);
  }
  if (known) return deliver(Rule.KNOWN, Action.DELIVER);
  if (isHop(kind)) {
    if (ahead != 0) return drop(Rule.HOP_STALE, Drop.STALE_HOP);
    if (index < 0) return drop(Rule.HOP_NOT_IN_HISTORY, Drop.NOT_IN_HISTORY);
    if (!complete) return drop(Rule.HOP_NOT_COMPLETE, Drop.NOT_COMPLETE);
    const hop = kind - RedirectKind.HOP1 + 1;
    if (hop + 1 < depth) return redirect(Rule.HOP_ON, RedirectKind.HOP1 + hop, hop + 1);
    return redirect(Rule.HOP_LAST, RedirectKind.FINAL, 0);
  }
  const refused = refusedAsSteered(kind, ahead, index);
  if (refused != 0) return refused;
  if (index == 0) {
    if (depth == 1) return deliver(Rule.CURRENT_ALONE, Action.RECORD);
    if (first >= depth) return deliver(Rule.CURRENT_UNLISTED, Action.RECORD);
    return redirect(Rule.CURRENT_ASKS, RedirectKind.HOP1 + first - 1, first);
  }
  if (index < 0) return redirect(Rule.STRANGER_RESTEERS, RedirectKind.RESTEER, 0);
  if (!complete) return drop(Rule.PREVIOUS_NOT_COMPLETE, Drop.NOT_COMPLETE);
  return redirect(Rule.PREVIOUS_RESTEERS, RedirectKind.RESTEER, 0);
}

/**
 * Decides on a packet whose connection id names an owner: it is that owner's, whatever bucket and history say, and is redirected
 * at most once.
 * @param here X is that owner; for a direct frame: it is on X's blade
 */
export function decideNamed(kind: u32, here: bool): u32 {
  if (here) return deliver(Rule.NAMED_HERE, Action.DELIVER);
  if (kind == RedirectKind.DIRECT) return redirect(Rule.NAMED_ELSEWHERE, RedirectKind.RESTEER, 0);
  return drop(Rule.NAMED_ASTRAY, Drop.WRONG_SERVER);
}

/** Decides on a packet without a flow: it is the current owner's. Parameters as above. */
export function decideCurrent(kind: u32, ahead: i32, index: i32, depth: u32): u32 {
  if (depth == 0) return drop(Rule.NO_OWNER, Drop.NO_ASSIGNMENT);
  if (kind == RedirectKind.COPY) return deliver(Rule.COPY, Action.DELIVER);
  const refused = refusedAsSteered(kind, ahead, index);
  if (refused != 0) return refused;
  if (index == 0) return deliver(Rule.FLOWLESS_CURRENT, Action.DELIVER);
  return redirect(Rule.FLOWLESS_RESTEERS, RedirectKind.RESTEER, 0);
}

/** Decides on a later fragment, when nothing is known of the first one of its packet that came with the same kind. Parameters as
 *  above. A hop comes behind its first one, or not at all. */
export function decideFragment(kind: u32, ahead: i32, index: i32, depth: u32): u32 {
  if (depth == 0) return drop(Rule.NO_OWNER, Drop.NO_ASSIGNMENT);
  if (kind == RedirectKind.COPY) return deliver(Rule.COPY, Action.DELIVER);
  if (kind == RedirectKind.FINAL) {
    if (ahead == 0 && index == 0) return deliver(Rule.FRAGMENT_FINAL, Action.DELIVER);
    return drop(Rule.FINAL_STALE, Drop.STALE_FINAL);
  }
  if (isHop(kind)) return drop(Rule.FRAGMENT_UNKNOWN, Drop.FRAGMENT_UNKNOWN);
  const refused = refusedAsSteered(kind, ahead, index);
  if (refused != 0) return refused;
  if (index == 0 && depth == 1) return deliver(Rule.FRAGMENT_ALONE, Action.DELIVER);
  return decision(Rule.FRAGMENT_WAITS, Action.PARK, 0, 0);
}

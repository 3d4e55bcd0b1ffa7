/** What can go wrong with messages between managers, and between a manager and a node: wrappers around both. */
import type { VirtualClock } from "../emulator/clock.ts";
import type { ManagementChannel, Peers } from "../supervisor/environment.ts";
import { Dice } from "./dice.ts";
import type { FaultPlan, HandoverFault, MailFault, ManagementFault } from "./plan.ts";
import type { FaultWorld } from "./strikes.ts";

const MAIL_FAULTS = new Set<FaultPlan["kind"]>(["mail-loss", "mail-repeat", "mail-delay"]);
const MANAGEMENT_FAULTS = new Set<FaultPlan["kind"]>(["message-loss", "answer-loss", "message-repeat", "message-delay", "message-cut"]);

export function isMailFault(fault: FaultPlan): fault is MailFault {
  return MAIL_FAULTS.has(fault.kind);
}

export function isManagementFault(fault: FaultPlan): fault is ManagementFault {
  return MANAGEMENT_FAULTS.has(fault.kind);
}

interface Place extends FaultWorld {
  /** Of the sender, and in which of its lives. */
  readonly name: string;
}

/** `peers` of the manager `who`, with all that goes wrong there. */
export function faultyPeers<M extends { readonly kind: string }>(faults: readonly FaultPlan[], who: string, place: Place, peers: Peers<M>): Peers<M> {
  return faults.reduce((next, fault, index) => {
    if (isMailFault(fault)) return wrapPeers(fault, index, who, place, next);
    return fault.kind === "handover-loss" || fault.kind === "handover-delay" ? wrapLists(fault, index, place, next) : next;
  }, peers);
}

function wrapLists<M extends { readonly kind: string }>(fault: HandoverFault, index: number, { clock, seed, strikes, name }: Place, next: Peers<M>): Peers<M> {
  const dice = new Dice(seed, `${name} ${fault.kind} ${index}`);
  let sent = 0;
  return {
    send: (to, message) => {
      const isHit = message.kind === "handover" && isNow(clock, fault) && dice.roll(sent++) < fault.share;
      if (!isHit) return next.send(to, message);
      strikes.note(fault);
      if (fault.kind === "handover-loss") return;
      const copy = structuredClone(message);
      clock.after(dice.upTo(fault.us, sent), () => next.send(to, copy));
    },
  };
}

function wrapPeers<M>(fault: MailFault, index: number, who: string, { clock, seed, strikes, name }: Place, next: Peers<M>): Peers<M> {
  const dice = new Dice(seed, `${name} ${fault.kind} ${index}`);
  let sent = 0;
  return {
    send: (to, message) => {
      const about = sent++ * 2;
      const isHit = isNow(clock, fault) && (fault.who === who || fault.who === to) && dice.roll(about) < fault.share;
      if (!isHit) return next.send(to, message);
      strikes.note(fault);
      if (fault.kind === "mail-loss") return;
      const copy = structuredClone(message);
      if (fault.kind === "mail-repeat") next.send(to, message);
      clock.after(dice.upTo(fault.us, about + 1), () => next.send(to, copy));
    },
  };
}

/** A channel to `node`, with all that goes wrong there. */
export function faultyChannel(faults: readonly FaultPlan[], node: string, place: Place, channel: ManagementChannel): ManagementChannel {
  return faults.reduce(
    (next, fault, index) => (isManagementFault(fault) && fault.node === node ? wrapChannel(fault, index, place, next) : next),
    channel,
  );
}

function wrapChannel(fault: ManagementFault, index: number, { clock, seed, strikes, name }: Place, next: ManagementChannel): ManagementChannel {
  const dice = new Dice(seed, `${name} ${fault.node} ${fault.kind} ${index}`);
  let sent = 0;
  return {
    get layout() {
      return next.layout;
    },
    request: (message, onAnswer) => {
      const about = sent++ * 2;
      if (!isNow(clock, fault) || dice.roll(about) >= fault.share) return next.request(message, onAnswer);
      strikes.note(fault);
      const bytes = message.slice();
      switch (fault.kind) {
        case "message-loss":
          return;
        case "answer-loss":
          return next.request(bytes, () => undefined);
        case "message-repeat":
          next.request(bytes, onAnswer);
          clock.after(dice.upTo(fault.us, about + 1), () => next.request(bytes, onAnswer));
          return;
        case "message-delay":
          clock.after(dice.upTo(fault.us, about + 1), () => next.request(bytes, onAnswer));
          return;
        case "message-cut":
          return next.request(bytes.subarray(0, dice.upTo(bytes.length - 1, about + 1)), onAnswer);
      }
    },
  };
}

function isNow(clock: VirtualClock, { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number }): boolean {
  return clock.now >= fromUs && clock.now < toUs;
}

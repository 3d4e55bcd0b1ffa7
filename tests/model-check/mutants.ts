/**
 * The rule and the steps around it, broken on purpose in one place at a time: each must lead to a violation. What is broken in the
 * firmware is broken in its text, and compiled; what is broken in the steps of the supervisor is a step of the model, and names
 * the line that it stands for.
 */
import { type Configuration, MINIMAL, type Weakening } from "./configuration.ts";

interface Broken {
  readonly name: string;
  /** Path from the package's root. */
  readonly file: string;
  /** What is needed of the appliance to see it. */
  readonly configuration: Configuration;
}

/** `from` stands once in the file, and is replaced by `to`. */
export interface FirmwareMutant extends Broken {
  readonly from: string;
  readonly to: string;
}

/** `line` stands once in the file: the step that is done wrong. */
export interface StepMutant extends Broken {
  readonly line: string;
  readonly weakening: Weakening;
}

const DECIDE = "assembly/decide.ts";
const DELIVER = "assembly/blade/deliver.ts";
const TEACH = "assembly/teach.ts";
const PREVIOUS_OWNER = "host/supervisor/previous-owner.ts";
const GIVER = "host/supervisor/handover-giver.ts";
const DECISION = "      decision = decide(kind, ahead, index, depth, first, known, complete);";
/** 2: SYN, which the file has no name for. */
const IS_SYN = "packet.kind == PacketKind.TCP && (packet.tcpFlags & 2) != 0 && !known";

function needs(what: Partial<Configuration>): Configuration {
  return { name: "mutant", ...MINIMAL, ...what };
}

export const FIRMWARE_MUTANTS: readonly FirmwareMutant[] = [
  {
    name: "a resteer may be repeated",
    file: DECIDE,
    from: "if (index != 0 || ahead > 0) return drop(Rule.RESTEER_STALE, Drop.STALE_RESTEER);",
    to: "",
    configuration: needs({ blades: 2, generations: 2 }),
  },
  {
    name: "`final` always delivers",
    file: DECIDE,
    from: "if (ahead == 0 && index == 0) return deliver(Rule.FINAL_CURRENT, Action.RECORD);",
    to: "return deliver(Rule.FINAL_CURRENT, Action.RECORD);",
    configuration: needs({ blades: 2, inFlight: 2 }),
  },
  {
    name: "a hop of another generation is delivered",
    file: DECIDE,
    from: "if (ahead != 0) return drop(Rule.HOP_STALE, Drop.STALE_HOP);",
    to: "if (ahead != 0) return deliver(Rule.HOP_STALE, Action.DELIVER);",
    configuration: needs({}),
  },
  {
    name: "a hop of another generation is answered",
    file: DECIDE,
    from: "if (ahead != 0) return drop(Rule.HOP_STALE, Drop.STALE_HOP);",
    to: "",
    configuration: needs({ inFlight: 2 }),
  },
  {
    name: "not-complete is ignored",
    file: DELIVER,
    from: "      const complete = hasFlag(state, BucketFlag.COMPLETE);",
    to: "      const complete = true;",
    configuration: needs({ blades: 2, generations: 2, restart: true }),
  },
  {
    name: "a SYN at an owner that is not the current one is sent `final`",
    file: DELIVER,
    from: DECISION,
    to: `${DECISION}\n      if (${IS_SYN} && kind == RedirectKind.DIRECT && index != 0) decision = <u32>Action.REDIRECT | (<u32>RedirectKind.FINAL << 8);`,
    configuration: needs({}),
  },
  {
    name: "a SYN with a hop tag is treated as direct",
    file: DELIVER,
    from: DECISION,
    to: `      if (${IS_SYN} && kind >= <u32>RedirectKind.HOP1 && kind <= <u32>RedirectKind.HOP3) kind = RedirectKind.DIRECT;\n${DECISION}`,
    configuration: needs({}),
  },
  {
    name: "a SYN is guarded by a timer only, which is over",
    file: DELIVER,
    from: DECISION,
    to: `${DECISION}\n      if (${IS_SYN} && kind == RedirectKind.DIRECT && index == 0) decision = Action.RECORD;`,
    configuration: needs({ blades: 2, generations: 2 }),
  },
  {
    name: "rows of a previous owner are evicted",
    file: "assembly/flows.ts",
    from: "if (indexInHistory(flow.bucket, localOwnerAt(flow.owner).owner) > 0) return false;",
    to: "",
    configuration: needs({ blades: 2, generations: 2, eviction: true }),
  },
  {
    name: "rows that are pinned are evicted",
    file: "assembly/flows.ts",
    from: "return !hasFlag(stateOf(flow.bucket, flow.owner), BucketFlag.PINNED);",
    to: "return true;",
    configuration: needs({ blades: 2, generations: 2, eviction: true, prepare: true }),
  },
  {
    name: "a dead entry is removed that was just touched",
    file: "assembly/manage/flows.ts",
    from: "if (at == 0 || now - changetype<Flow>(at).touched < batch.untouchedMs) continue;",
    to: "if (at == 0) continue;",
    configuration: needs({ blades: 2, generations: 2, tidy: true, halfOpenTimeout: true }),
  },
  {
    name: "a handover list is kept over any install",
    file: "assembly/manage/assignment.ts",
    from: "  moveLists(STAGE + bucketsAt, assignment.buckets, assignment.generation == generation() + 1);\n",
    to: "",
    configuration: needs({ blades: 2, generations: 4, lists: true }),
  },
  {
    name: "a handover list of another generation is taken",
    file: "assembly/manage/handover.ts",
    from: "if (header().generation != generation()) return",
    to: "if (false) return",
    configuration: needs({ blades: 2, generations: 4, lists: true }),
  },
  {
    name: "a missing handover list is taken for one without flows",
    file: "assembly/handover.ts",
    from: "if (serial == 0) return false;",
    to: "",
    configuration: needs({ blades: 2, generations: 2, lists: true }),
  },
  {
    name: "what its host sends makes rows of an owner that has left the history",
    file: TEACH,
    from: "if (index < 0) return;",
    to: "",
    configuration: needs({ depth: 2, forced: 1, onward: true }),
  },
  {
    name: "a table is complete though a SYN cookie is lost",
    file: "assembly/manage/buckets.ts",
    from: "if (hasLostCookies(state, now)) return refuse(Status.COOKIES_LOST, bucket);",
    to: "",
    configuration: needs({ blades: 2, generations: 2, cookies: true, rowStates: true, eviction: true }),
  },
  {
    name: "a SYN cookie whose row found no room is forgotten",
    file: TEACH,
    from: "if (flowState == FlowState.HALF_OPEN) loseCookie(state, now);",
    to: "",
    configuration: needs({ blades: 2, generations: 2, cookies: true, rowStates: true, eviction: true }),
  },
  {
    name: "a row that may stand for a SYN cookie is evicted",
    file: "assembly/flows.ts",
    from: "if (flow.state == FlowState.HALF_OPEN && sendsCookies() && isCookieOut(flow.touched, now)) return false;",
    to: "",
    configuration: needs({ blades: 2, generations: 2, cookies: true, rowStates: true, eviction: true }),
  },
  {
    name: "an image that begins amid SYN cookies calls its tables complete",
    file: "assembly/cookies.ts",
    from: "(beganAmid && isCookieOut(begun, now)) ||",
    to: "",
    configuration: needs({ blades: 2, generations: 2, cookies: true, rowStates: true, restart: true }),
  },
  {
    name: "a bucket is sealed although a SYN cookie may be out",
    file: "assembly/manage/buckets.ts",
    from: "if (sendsCookies() && state.rows > 0) return refuse(Status.BUCKET_NOT_EMPTY, state.rows);",
    to: "",
    configuration: needs({ blades: 2, generations: 2, cookies: true, rowStates: true, drain: true }),
  },
  {
    name: "a UDP flow that is over at a previous owner is brought back by its host",
    file: TEACH,
    from: "if (!isCurrent || firstToAsk(packet, now) < depthOf(packet.bucket)) return;",
    to: "if (isCurrent ? firstToAsk(packet, now) < depthOf(packet.bucket) : at == 0) return;",
    configuration: needs({ blades: 2, generations: 2, udp: true }),
  },
  {
    name: "what a previous owner's host sends unasked makes a UDP flow",
    file: TEACH,
    from: "if (!isCurrent || firstToAsk(packet, now) < depthOf(packet.bucket)) return;",
    to: "if (isCurrent ? firstToAsk(packet, now) < depthOf(packet.bucket) : at != 0) return;",
    configuration: needs({ blades: 2, generations: 2, udp: true, restart: true }),
  },
  {
    name: "what a current owner's host sends makes a UDP flow that a previous owner may have",
    file: TEACH,
    from: "if (!isCurrent || firstToAsk(packet, now) < depthOf(packet.bucket)) return;",
    to: "if (!isCurrent) return;",
    configuration: needs({ blades: 2, generations: 2, udp: true }),
  },
];

export const STEP_MUTANTS: readonly StepMutant[] = [
  {
    name: "no seeding",
    file: PREVIOUS_OWNER,
    line: "this.#session.seed(",
    weakening: "no-seeding",
    configuration: needs({ blades: 2, generations: 2, restart: true }),
  },
  {
    name: "seeding before the host-NIC queue has drained",
    file: PREVIOUS_OWNER,
    line: 'step.command("UNSEAL", incomplete, () =>\n          this.#clock.after(this.#sessions.queueMs',
    weakening: "seeding-before-the-queue-has-drained",
    configuration: needs({ blades: 2, generations: 2, restart: true }),
  },
  {
    name: "a drain without the seal",
    file: PREVIOUS_OWNER,
    line: 'step.command("SEAL", open, () => {',
    weakening: "drain-without-the-seal",
    configuration: needs({ blades: 2, generations: 2, drain: true, halfOpenTimeout: true }),
  },
  {
    name: "a seal without the second look",
    file: PREVIOUS_OWNER,
    line: "this.#clock.after(this.#sessions.queueMs, () => this.#prove(scope, step, candidates, then));",
    weakening: "seal-without-the-second-look",
    configuration: needs({ blades: 2, generations: 2, drain: true, halfOpenTimeout: true }),
  },
  {
    name: "a bucket that was left sealed is seeded by a look that has not waited for the queue",
    file: PREVIOUS_OWNER,
    line: 'step.command("UNSEAL", wrong, () => {',
    weakening: "unseal-with-an-early-look",
    configuration: needs({ blades: 2, generations: 2, tuples: 2, drain: true, halfOpenTimeout: true, crash: true }),
  },
  {
    name: "a drain that was reported under an old generation counts",
    file: "host/supervisor/members.ts",
    line: "const drained = this.#core.watch.drained(assignment.generation);",
    weakening: "drain-reported-under-an-old-generation",
    configuration: needs({ blades: 2, generations: 5, drain: true }),
  },
  {
    name: "no fence before a failed blade is removed",
    file: "host/supervisor/reconfiguration.ts",
    line: 'initial("fail", beginning, next), beginning.steers ? "fence" : "install"',
    weakening: "no-fence",
    configuration: needs({ blades: 2, generations: 2, failures: 1 }),
  },
  {
    name: "no fence before a deadline cuts a blade off",
    file: "host/supervisor/reconfiguration.ts",
    line: 'initial("forget", beginning, next), beginning.steers ? "fence" : "install"',
    weakening: "no-fence",
    configuration: needs({ blades: 2, cuts: 1 }),
  },
  {
    name: "a forced move is put in force before the owner that falls off has let go",
    file: "host/supervisor/reconfiguration.ts",
    line: 'enter(after, isForced ? "release" : "install", now)',
    weakening: "forced-without-an-answer",
    configuration: needs({ depth: 2, forced: 1, onward: true }),
  },
  {
    name: "rows that may stand for SYN cookies are removed as dead",
    file: PREVIOUS_OWNER,
    line: "!this.#isCookie(row),",
    weakening: "cookies-removed-as-dead",
    configuration: needs({ blades: 2, generations: 2, cookies: true, rowStates: true, tidy: true }),
  },
  {
    name: "UDP flows are not in a mirror",
    file: "host/supervisor/mirror-scan.ts",
    line: "mirror.note(own.filter(",
    weakening: "no-mirror",
    configuration: needs({ blades: 2, generations: 2, udp: true, restart: true }),
  },
  {
    name: "fail-open after a trap",
    file: "host/native/engine/src/instance.rs",
    line: "self.frames_lost += u64::from(count);",
    weakening: "fail-open-after-a-trap",
    configuration: needs({ blades: 2, generations: 2 }),
  },
  {
    name: "a handover list from an incomplete table",
    file: GIVER,
    line: "state !== undefined && state.complete && state.index > 0",
    weakening: "list-from-an-incomplete-table",
    configuration: needs({ blades: 2, generations: 2, lists: true, restart: true }),
  },
  {
    name: "a handover list from the socket table",
    file: GIVER,
    line: "session.list({ previousOnly: true }, (rows) => {",
    weakening: "list-from-the-socket-table",
    configuration: needs({ blades: 2, generations: 2, lists: true, halfOpenTimeout: true }),
  },
  {
    name: "a handover list without half-open rows",
    file: GIVER,
    line: "for (const row of rows) if (row.owner === owner) flows.get(row.bucket)?.push(row);",
    weakening: "list-without-half-open-rows",
    configuration: needs({ blades: 2, generations: 2, lists: true, rowStates: true }),
  },
  {
    name: "a handover list tagged by the traffic manager instead of the IPD",
    file: GIVER,
    line: "generation === assignment.generation && !isStale()",
    weakening: "list-tagged-by-the-traffic-manager",
    configuration: needs({ blades: 2, generations: 4, lists: true }),
  },
];

/** The firmware, broken on purpose in one place at a time. Each of these must make a spec fail. */

export interface Mutant {
  readonly name: string;
  /** Path from the package's root. */
  readonly file: string;
  /** Stands once in the file, */
  readonly from: string;
  /** and is replaced by this. */
  readonly to: string;
  /** The spec file that is to notice. */
  readonly spec: string;
}

const DECIDE = "assembly/decide.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "a copy is decided like any other frame",
    file: DECIDE,
    from: "if (kind == RedirectKind.COPY) return decision(Action.DELIVER, 0, 0);\n  if (kind == RedirectKind.FINAL)",
    to: "if (kind == RedirectKind.FINAL)",
    spec: "decide",
  },
  {
    name: "`final` always delivers",
    file: DECIDE,
    from: "if (known || (ahead == 0 && index == 0)) return",
    to: "return",
    spec: "decide",
  },
  {
    name: "a known flow is not delivered where it is known",
    file: DECIDE,
    from: "if (known) return decision(Action.DELIVER, 0, 0);",
    to: "",
    spec: "decide",
  },
  {
    name: "a hop of another generation is answered",
    file: DECIDE,
    from: "if (ahead != 0) return drop(Drop.STALE_HOP);",
    to: "",
    spec: "decide",
  },
  {
    name: "a hop is answered by a table that is not complete",
    file: DECIDE,
    from: "if (!complete) return drop(Drop.NOT_COMPLETE);\n    const hop",
    to: "const hop",
    spec: "decide",
  },
  {
    name: "the last previous owner is skipped",
    file: DECIDE,
    from: "if (hop + 1 < depth)",
    to: "if (hop + 2 < depth)",
    spec: "decide",
  },
  {
    name: "a resteered frame is resteered again",
    file: DECIDE,
    from: "if (index != 0 || ahead > 0) return drop(Drop.STALE_RESTEER);\n  } else if (kind != RedirectKind.DIRECT) {\n    return drop(Drop.BAD_TAG);\n  }\n  if (index == 0) {",
    to: "} else if (kind != RedirectKind.DIRECT) {\n    return drop(Drop.BAD_TAG);\n  }\n  if (index == 0) {",
    spec: "decide",
  },
  {
    name: "a current owner does not ask the previous one",
    file: DECIDE,
    from: "if (depth == 1) return",
    to: "return",
    spec: "decide",
  },
  {
    name: "a direct frame is resteered by a table that is not complete",
    file: DECIDE,
    from: "if (index > 0 && !complete) return drop(Drop.NOT_COMPLETE);",
    to: "",
    spec: "decide",
  },
  {
    name: "a sealed bucket knows a flow by its SYN",
    file: "assembly/blade/deliver.ts",
    from: "at != 0 && !sealed",
    to: "at != 0",
    spec: "rule",
  },
  {
    name: "an owner that becomes current and previous again stays complete",
    file: "assembly/buckets.ts",
    from: "else state.flags = 0;",
    to: "else if (after < 0) state.flags = 0;",
    spec: "rule",
  },
  {
    name: "a host's RST makes state",
    file: "assembly/teach.ts",
    from: "if (!(flags & RST)) learn",
    to: "learn",
    spec: "rule",
  },
  {
    name: "an inbound SYN+ACK opens a flow",
    file: "assembly/teach.ts",
    from: "(flags & (SYN | ACK | RST)) == SYN",
    to: "(flags & SYN) != 0",
    spec: "rule",
  },
  {
    name: "rows of a previous owner's bucket are evicted",
    file: "assembly/flows.ts",
    from: "if (indexInHistory(flow.bucket, localOwnerAt(flow.owner).owner) > 0) return false;",
    to: "",
    spec: "flows",
  },
  {
    name: "pinned rows are evicted",
    file: "assembly/flows.ts",
    from: "return !hasFlag(stateOf(flow.bucket, flow.owner), BucketFlag.PINNED);",
    to: "return true;",
    spec: "flows",
  },
  {
    name: "a SYN flood may take the whole table",
    file: "assembly/flows.ts",
    from: "openingIn(set) * 100 >= WAYS * halfOpenPercent()",
    to: "false",
    spec: "flows",
  },
  {
    name: "a dead row that was just touched is removed",
    file: "assembly/manage/flows.ts",
    from: "if (at == 0 || now - changetype<Flow>(at).touched < batch.untouchedMs) continue;",
    to: "if (at == 0) continue;",
    spec: "flows",
  },
  {
    name: "a seal does not flush",
    file: "assembly/manage/buckets.ts",
    from: "flush(state);",
    to: "",
    spec: "rule",
  },
  {
    name: "a bucket that is sealed but not empty is left",
    file: "assembly/manage/buckets.ts",
    from: "return refuse(Status.BUCKET_NOT_EMPTY, state.rows);",
    to: "return;",
    spec: "manage",
  },
  {
    name: "a table that a restart has emptied is called complete",
    file: "assembly/manage/buckets.ts",
    from: "if (batch.openOnly != 0 &&",
    to: "if (false &&",
    spec: "manage",
  },
  {
    name: "an owner that comes back into a history still knows what it knew",
    file: "assembly/manage/assignment.ts",
    from: "if (before < 0 && place >= 0) flush(state);",
    to: "",
    spec: "flows",
  },
  {
    name: "a drain goes on although a flow of the host found no room",
    file: "assembly/teach.ts",
    from: "state.flags &= <u16>BucketFlag.PINNED;",
    to: "state.flags &= ~(<u16>BucketFlag.COMPLETE);",
    spec: "flows",
  },
  {
    name: "a flushed row is back when its epoch comes round again",
    file: "assembly/flows.ts",
    from: "isRow(sweptSet, way);",
    to: "{}",
    spec: "flows",
  },
  {
    name: "an old assignment is put in force",
    file: "assembly/manage/assignment.ts",
    from: "if (assignment.generation <= generation())",
    to: "if (false)",
    spec: "manage",
  },
  {
    name: "a chunk out of order is taken",
    file: "assembly/manage/stage.ts",
    from: "envelope.chunk != nextChunk ||",
    to: "",
    spec: "manage",
  },
  {
    name: "a redirect tag from outside the fabric is believed by the switch",
    file: "assembly/switch/steer.ts",
    from: "if (ingressRole == PortRole.UPLINK) return dropped(Drop.SPOOFED_TAG);",
    to: "",
    spec: "switch",
  },
];

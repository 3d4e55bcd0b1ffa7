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
    from: "if (kind == RedirectKind.COPY) return deliver(Rule.COPY, Action.DELIVER);\n  if (kind == RedirectKind.FINAL) {\n    if (known)",
    to: "if (kind == RedirectKind.FINAL) {\n    if (known)",
    spec: "decide",
  },
  {
    name: "`final` always delivers",
    file: DECIDE,
    from: "if (ahead == 0 && index == 0) return deliver(Rule.FINAL_CURRENT",
    to: "return deliver(Rule.FINAL_CURRENT",
    spec: "decide",
  },
  {
    name: "a known flow is not delivered where it is known",
    file: DECIDE,
    from: "if (known) return deliver(Rule.KNOWN, Action.DELIVER);",
    to: "",
    spec: "decide",
  },
  {
    name: "a hop of another generation is answered",
    file: DECIDE,
    from: "if (ahead != 0) return drop(Rule.HOP_STALE, Drop.STALE_HOP);",
    to: "",
    spec: "decide",
  },
  {
    name: "a hop is answered by a table that is not complete",
    file: DECIDE,
    from: "if (!complete) return drop(Rule.HOP_NOT_COMPLETE, Drop.NOT_COMPLETE);\n    const hop",
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
    from: "if (index != 0 || ahead > 0) return drop(Rule.RESTEER_STALE, Drop.STALE_RESTEER);\n  } else if (kind != RedirectKind.DIRECT) {\n    return drop(Rule.BAD_TAG, Drop.BAD_TAG);\n  }\n  if (index == 0) {",
    to: "} else if (kind != RedirectKind.DIRECT) {\n    return drop(Rule.BAD_TAG, Drop.BAD_TAG);\n  }\n  if (index == 0) {",
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
    from: "if (!complete) return drop(Rule.PREVIOUS_NOT_COMPLETE, Drop.NOT_COMPLETE);",
    to: "",
    spec: "decide",
  },
  {
    name: "a sealed bucket knows a flow by its SYN",
    file: "assembly/blade/deliver.ts",
    from: "return !(hasFlag(state, BucketFlag.SEALED) &&",
    to: "return !(false &&",
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
    name: "an IPv6 client is told by its last 8 bytes only",
    file: "assembly/parse/ipv6.ts",
    from: "packet.client = load<u64>(client);",
    to: "",
    spec: "ipv6",
  },
  {
    name: "IPv6 extension headers hide the ports",
    file: "assembly/parse/ipv6.ts",
    from: "packet.transport = <u16>(at + ipv6.HEADER_BYTES + offset);",
    to: "packet.transport = <u16>(at + ipv6.HEADER_BYTES);",
    spec: "ipv6",
  },
  {
    name: "every blade answers a neighbour solicitation for the VIP",
    file: "assembly/blade/wire.ts",
    from: "if (local < 0) return dropped(Drop.NEIGHBOUR_NOT_OWNER);",
    to: "if (local < 0) return Verdict.ANSWER;",
    spec: "ipv6",
  },
  {
    name: "a UDP flow never ends",
    file: "assembly/teach.ts",
    from: "return now - flow.touched >= idleMs",
    to: "return false && now - flow.touched >= idleMs",
    spec: "services",
  },
  {
    name: "what a previous owner's host sends unasked makes a UDP flow",
    file: "assembly/teach.ts",
    from: "} else if (indexInHistory(packet.bucket, localOwnerAt(owner).owner) == 0) {",
    to: "} else {",
    spec: "services",
  },
  {
    name: "an ICMP error is decided by its own addresses",
    file: "assembly/parse/ipv4.ts",
    from: "packet.clientHigh = mappedHigh(load<u32>(quote, ipv4.DESTINATION));",
    to: "",
    spec: "services",
  },
  {
    name: "an ICMP error teaches",
    file: "assembly/blade/deliver.ts",
    from: "if (packet.kind == PacketKind.ICMP_ERROR) return;",
    to: "",
    spec: "services",
  },
  {
    name: "a later fragment takes the way of a first one that came with another tag",
    file: "assembly/blade/fragment.ts",
    from: "const at = findFragment(packet, kind, now);",
    to: "const at = findFragment(packet, RedirectKind.DIRECT, now);",
    spec: "fragments",
  },
  {
    name: "a later fragment that comes first does not wait",
    file: "assembly/decide.ts",
    from: "return decision(Rule.FRAGMENT_WAITS, Action.PARK, 0, 0);",
    to: "return deliver(Rule.FRAGMENT_WAITS, Action.DELIVER);",
    spec: "fragments",
  },
  {
    name: "a parked fragment's place is free while it leaves",
    file: "assembly/parking.ts",
    from: "parked.place = <u8>Place.LEAVING;",
    to: "parked.place = <u8>Place.FREE;",
    spec: "fragments",
  },
  {
    name: "copies of fragments have no limit",
    file: "assembly/blade/fragment.ts",
    from: "return copies++ < COPIES_MAX;",
    to: "return true;",
    spec: "fragments",
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

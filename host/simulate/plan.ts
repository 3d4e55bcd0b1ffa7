/**
 * All that one simulated run does, as plain data: made from a seed once, then made smaller piece by piece when it has
 * failed. Times are µs since the run began. Names of blades, owners and switches are those of the topology; a piece that
 * names one that is gone is left out (`prune.ts`).
 */
import type { Family } from "./packet.ts";
import type { HashName } from "../model/appliance.ts";
import type { Timing } from "../supervisor/timing.ts";

export interface Plan {
  readonly seed: number;
  readonly topology: TopologyPlan;
  readonly flows: readonly FlowPlan[];
  readonly orders: readonly OrderPlan[];
  readonly faults: readonly FaultPlan[];
  /** From here on nothing fails any more; what is down comes back, and everything has to come to rest. */
  readonly calmUs: number;
}

export interface TopologyPlan {
  /** A power of two. */
  readonly buckets: number;
  readonly hash: HashName;
  /** Access networks, each on a port of its own of every switch. */
  readonly sites: number;
  /** The first is active on the first day. */
  readonly switches: readonly string[];
  readonly blades: readonly BladePlan[];
  /** From the first frame in a node's empty queue to the batch that takes it. */
  readonly batchUs: number;
  /** Longest wait between a NIC and its host, one way. */
  readonly hostQueueUs: number;
  /** Longest way over any other wire. */
  readonly wireUs: number;
  readonly timing: Partial<Timing>;
  /** Whether there is a service of the class `cid`. */
  readonly quic: boolean;
  /** Whether the blades' tables are so small that rows are evicted, and moves find no room. */
  readonly cramped: boolean;
  /** A blade that is silent for so long is failed; null: only by an order. */
  readonly failMs: number | null;
}

export interface BladePlan {
  readonly name: string;
  /** 0: the blade itself is the owner. */
  readonly vms: number;
  /** Whether it is a member from the beginning. */
  readonly starts: boolean;
  /** How its clock differs from true time. */
  readonly skew: SkewPlan;
}

export interface SkewPlan {
  /** Millionths that it runs too fast; less than 0: too slow. */
  readonly ppm: number;
  /** ms that it is ahead. Wherever an image's 32 bits of time wrap, for one. */
  readonly aheadMs: number;
}

/** One client's doings. What `kind` of traffic it is says who runs it. */
export type FlowPlan = TcpFlowPlan | RawFlowPlan | ForgedFlowPlan | AskFlowPlan | TunnelFlowPlan | QuicFlowPlan | NeighbourFlowPlan;

export interface ClientPlan {
  readonly family: Family;
  readonly site: number;
  /** Of the site's clients. */
  readonly client: number;
}

export interface Tuple extends ClientPlan {
  readonly clientPort: number;
  readonly vipPort: number;
}

export interface TcpFlowPlan extends Tuple {
  readonly kind: "tcp";
  /** Unique in the plan. */
  readonly id: number;
  /** The flow before that used the same tuple: this one begins when that one is over. Null: none. */
  readonly after: number | null;
  readonly startUs: number;
  /** Bytes of data in its SYN (TCP fast open). */
  readonly early: number;
  /** Its IPv6 packets have an extension header. */
  readonly extended: boolean;
  readonly steps: readonly TcpStep[];
}

export type TcpStep =
  /** Sends, and waits for what the service answers. */
  | { readonly do: "exchange"; readonly bytes: number }
  /** Sends, and waits for nothing. */
  | { readonly do: "send"; readonly bytes: number }
  | { readonly do: "pause"; readonly us: number }
  /** A keep-alive probe. */
  | { readonly do: "probe" }
  /** A router on the way says that the last packet of the host was too big. */
  | { readonly do: "too-big" }
  /** Keeps still until the moves that this run is about are done. */
  | { readonly do: "hold" }
  /** Waits until the other end sends no more. */
  | { readonly do: "await" }
  /** Ends its own direction, and waits for the end of the other. */
  | { readonly do: "close" }
  /** Ends it with RST. */
  | { readonly do: "abort" }
  /** The client forgets it, and says nothing. */
  | { readonly do: "vanish" };

/** Segments that belong to no connection: backscatter, a scan, a SYN flood. Each comes of another port. */
export interface RawFlowPlan extends Tuple {
  readonly kind: "raw";
  readonly id: number;
  readonly startUs: number;
  readonly flags: number;
  readonly count: number;
  readonly gapUs: number;
}

/** Frames with redirect tags that no blade has made, of clients that nobody is there to answer for: of every kind, one generation after
 *  another. Each comes of another port. */
export interface ForgedFlowPlan extends Tuple {
  readonly kind: "forged";
  readonly id: number;
  /** The blade by whose wire they leave, as if its NIC had gone wrong; null: they come from the client's site. */
  readonly from: string | null;
  /** The blade whose first owner they are for. */
  readonly to: string;
  readonly startUs: number;
  /** Of the first ones. */
  readonly generation: number;
  readonly count: number;
  readonly gapUs: number;
}

/** Questions to a service of the class `none`, one after another. */
export interface AskFlowPlan extends Tuple {
  readonly kind: "ask";
  readonly id: number;
  /** Null: each question is one frame. */
  readonly pieces: PiecesPlan | null;
  readonly startUs: number;
  readonly count: number;
  readonly gapUs: number;
}

/** How a packet in pieces is sent. `first-late`: the first piece so late that the others have to wait for it. */
export type PiecesPlan = "in-order" | "last-first" | "first-twice" | "first-late";

/** A session over UDP, which goes on until the moves that this run is about are done. */
export interface TunnelFlowPlan extends Tuple {
  readonly kind: "tunnel";
  readonly id: number;
  readonly pieces: PiecesPlan | null;
  readonly startUs: number;
  /** Packets at least. */
  readonly count: number;
  readonly gapUs: number;
}

/** A QUIC connection, which goes on until the moves that this run is about are done. */
export interface QuicFlowPlan extends Tuple {
  readonly kind: "quic";
  readonly id: number;
  readonly startUs: number;
  /** Packets at least. */
  readonly count: number;
  readonly gapUs: number;
  /** So often it does not believe that its connection is gone, and goes on asking. */
  readonly patience: number;
  /** From packet `from` on its client has another address and port, at the same site; null: it keeps what it has. */
  readonly change: { readonly from: number; readonly client: number; readonly clientPort: number } | null;
}

/** Questions for the VIP's MAC, one after another: ARP requests, or neighbour solicitations. */
export interface NeighbourFlowPlan extends ClientPlan {
  readonly kind: "neighbour";
  readonly id: number;
  readonly startUs: number;
  readonly count: number;
  readonly gapUs: number;
  /** Whether it asks the MAC itself first, as a kernel does that confirms what it knows. */
  readonly confirms: boolean;
}

/** What the operator asks for. One that is refused for a passing reason is asked for again. `force`: also where histories
 *  become too long, and connections are cut. */
export type OrderPlan = { readonly atUs: number; readonly force: boolean } & (
  | { readonly kind: "add"; readonly blade: string }
  | { readonly kind: "drain"; readonly blade: string; readonly deadlineMs: number | null }
  | { readonly kind: "undrain"; readonly blade: string }
  | { readonly kind: "remove"; readonly blade: string }
  | { readonly kind: "fail"; readonly blade: string }
  | { readonly kind: "weight"; readonly blade: string; readonly weight: number }
  | { readonly kind: "move"; readonly buckets: readonly number[]; readonly blade: string }
  | { readonly kind: "rebalance" }
  | { readonly kind: "failover"; readonly switch: string }
);

interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Which wires: `up/<site>/<switch>`, `wire/<blade>/<switch>`, `host/<owner>`; one that ends with a slash: all that begin
 *  so. */
interface OnLink extends Window {
  readonly link: string;
}

interface Some {
  /** Of the frames or messages, 0 to 1. */
  readonly share: number;
}

export type LinkFault = OnLink &
  (
    | ({ readonly kind: "loss" } & Some)
    | ({ readonly kind: "duplicate"; readonly us: number } & Some)
    /** Those that come after overtake it. */
    | ({ readonly kind: "delay"; readonly us: number } & Some)
    | { readonly kind: "partition" }
  );

/** Messages between managers. `who`: those from and to this one. */
export type MailFault = Window & { readonly who: string } & (
    | ({ readonly kind: "mail-loss" } & Some)
    | ({ readonly kind: "mail-repeat"; readonly us: number } & Some)
    | ({ readonly kind: "mail-delay"; readonly us: number } & Some)
  );

/** Handover lists, between whichever managers. */
export type HandoverFault = Window & Some & ({ readonly kind: "handover-loss" } | { readonly kind: "handover-delay"; readonly us: number });

/** Messages between a traffic manager and a node. */
export type ManagementFault = Window & { readonly node: string } & (
    | ({ readonly kind: "message-loss" } & Some)
    | ({ readonly kind: "answer-loss" } & Some)
    | ({ readonly kind: "message-repeat"; readonly us: number } & Some)
    | ({ readonly kind: "message-delay"; readonly us: number } & Some)
    /** Only the beginning of it arrives. */
    | ({ readonly kind: "message-cut" } & Some)
  );

/** `manager`: the traffic manager of a blade, or the appliance manager. */
export type CrashFault =
  | { readonly kind: "blade-crash"; readonly blade: string; readonly atUs: number }
  /** The shim is started anew, with nothing in it. */
  | { readonly kind: "shim-restart"; readonly node: string; readonly atUs: number; readonly downUs: number }
  /** The image traps on the next batch or message; the engine brings it back. `when`: a message is one of the appliance manager's. */
  | { readonly kind: "trap"; readonly node: string; readonly when: Moment; readonly during: "process" | "manage" }
  | { readonly kind: "kill"; readonly manager: string; readonly when: Moment; readonly downUs: number }
  | { readonly kind: "sleep"; readonly manager: string; readonly atUs: number; readonly us: number };

export type Moment =
  | { readonly atUs: number }
  /** When it has sent the `nth` message of this kind to a manager or a node. */
  | { readonly sent: string; readonly nth: number }
  /** The appliance manager: when it has saved for the `nth` time, and said nothing yet. */
  | { readonly saved: number };

export type FaultPlan = LinkFault | MailFault | HandoverFault | ManagementFault | CrashFault;

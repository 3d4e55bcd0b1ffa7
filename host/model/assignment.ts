/** Who serves a bucket: a blade, or a VM on a blade. Known to the data plane by its MAC. */
export interface Owner {
  /** Unique in the appliance: `ardsley`, or `ardsley/vm1`. */
  readonly name: string;
  readonly mac: string;
  /** The blade it is on. */
  readonly blade: string;
  /** The switch's port of that blade. */
  readonly port: number;
}

/** An owner as an assignment has it. */
export interface AssignedOwner extends Owner {
  /** The generation that brought it in, or back from being away: from then on its number has been its own, and it has left no history
   *  but by having drained there or by force. */
  readonly since: number;
  /** The blade is offline or has failed: the number is kept for it, and nothing is sent there. No history names it. */
  readonly away?: true;
}

/** Owners by their index in `Assignment.owners`, newest first: the current one, then up to three previous ones. */
export type History = readonly number[];

export interface Assignment {
  /** Only grows. */
  readonly generation: number;
  /** An owner keeps its index for as long as any history names it. Holes: null. */
  readonly owners: readonly (AssignedOwner | null)[];
  /** By bucket; the length is a power of two. An empty history: the bucket has no owner. */
  readonly buckets: readonly History[];
}

export const HISTORY_DEPTH = 4;

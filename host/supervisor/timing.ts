/** Periods and patience of the managers, in milliseconds. */
export interface Timing {
  /** A traffic manager looks at its IPD and its hosts' sockets, and tells its peers. */
  readonly pollMs: number;
  /** A request to a manager or a switch is repeated. */
  readonly retryMs: number;
  /** Preparations that are not done by then are called off. */
  readonly prepareMs: number;
  /** An install or a switch that has not acknowledged by then is left behind: it goes on being told, and no one
   *  waits for it any more. */
  readonly installMs: number;
  /** Reports of drained buckets are gathered for this long before a generation forgets them. */
  readonly forgetMs: number;
  /** A blade that has not been heard of for this long is called silent. */
  readonly silentMs: number;
  /** The switches are asked what they have, and it is looked who has fallen silent. */
  readonly checkMs: number;
  /** A previous owner's flows of other protocols than TCP are cut so long after it has lost their bucket. */
  readonly flowDrainMs: number;
}

export const DEFAULT_TIMING: Timing = {
  pollMs: 200,
  retryMs: 100,
  prepareMs: 3_000,
  installMs: 3_000,
  forgetMs: 300,
  silentMs: 2_000,
  checkMs: 1_000,
  flowDrainMs: 600_000,
};

/** Generations grow at most this often, so that 16 bits of one in a redirect tag tell old from new. */
export const GENERATION_MS_MIN = 10;

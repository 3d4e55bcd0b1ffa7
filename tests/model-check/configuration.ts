/** What of the appliance takes part in a run of the model, and how much of it. */

/** Steps of the traffic manager, the appliance manager and the engine that are done wrong on purpose, each at a place of
 *  the code that `mutants.ts` names. */
export type Weakening =
  | "no-seeding"
  | "seeding-before-the-queue-has-drained"
  | "drain-without-the-seal"
  | "seal-without-the-second-look"
  | "unseal-with-an-early-look"
  | "drain-reported-under-an-old-generation"
  | "no-fence"
  | "forced-without-an-answer"
  | "cookies-removed-as-dead"
  | "no-mirror"
  | "fail-open-after-a-trap"
  | "list-from-an-incomplete-table"
  | "list-from-the-socket-table"
  | "list-without-half-open-rows"
  | "list-tagged-by-the-traffic-manager";

export interface Configuration {
  readonly name: string;
  /** Blades that may own the bucket, 2 to 5. */
  readonly blades: number;
  /** Owners that a history may have. */
  readonly depth: number;
  /** Moves past a full history: the oldest owner falls off. */
  readonly forced: number;
  /** The bucket moves to blades only that have not had it. */
  readonly onward: boolean;
  /** Connections' addresses and ports, 1 or 2: flows that are alive at the same time. */
  readonly tuples: number;
  /** Connections that may follow each other on one tuple, 1 or 2. */
  readonly incarnations: number;
  /** Generations of the assignment, at most 7. */
  readonly generations: number;
  /** Redirected frames on their way at the same time, 1 or 2. */
  readonly inFlight: number;
  /** A SYN of the incarnation before may still arrive. */
  readonly oldSyns: boolean;
  /** Clients give connections up, and so do hosts then. */
  readonly close: boolean;
  /** Clients close connections with FIN. */
  readonly fin: boolean;
  readonly halfOpenTimeout: boolean;
  /** Rows of the flow table are evicted wherever the image lets them go. */
  readonly eviction: boolean;
  /** NICs restart, at any time and as often as they like. */
  readonly restart: boolean;
  /** Traffic managers seed what is not complete. */
  readonly seeding: boolean;
  /** The drain handshake. */
  readonly drain: boolean;
  /** Removal of dead rows. */
  readonly tidy: boolean;
  /** Preparation of moves: PIN and SEED. */
  readonly prepare: boolean;
  /** Rows of a current owner that were lost are seeded again. */
  readonly refill: boolean;
  /** A traffic manager's look may end at any step: it is started anew, or got no answer. */
  readonly crash: boolean;
  readonly lists: boolean;
  /** Rows of connections that are being opened are told from others: it matters to lists only. */
  readonly rowStates: boolean;
  /** Blades that may be declared failed, dead or not. */
  readonly failures: number;
  /** Previous owners may be cut off by a deadline. */
  readonly cuts: number;
  /** Hosts may answer a SYN with a cookie. */
  readonly cookies: boolean;
  /** The flows are of UDP, class `flow`: they end when they were not touched for their service's time. */
  readonly udp: boolean;
}

/** With two that may own the bucket, a third one looks on: it has all the assignments. */
const BLADES_MIN = 3;

export function bladesIn({ blades }: Configuration): number {
  return Math.max(blades, BLADES_MIN);
}

export const MINIMAL: Omit<Configuration, "name"> = {
  blades: 3,
  depth: 4,
  forced: 0,
  onward: false,
  tuples: 1,
  incarnations: 1,
  generations: 3,
  inFlight: 1,
  oldSyns: true,
  close: false,
  fin: false,
  halfOpenTimeout: false,
  eviction: false,
  restart: false,
  seeding: true,
  drain: false,
  tidy: false,
  prepare: false,
  refill: false,
  crash: false,
  lists: false,
  rowStates: false,
  failures: 0,
  cuts: 0,
  cookies: false,
  udp: false,
};

function configuration(name: string, what: Partial<Configuration>): Configuration {
  return { name, ...MINIMAL, ...what };
}

/** Those of `npm test`. */
export const SMALL_CONFIGURATIONS: readonly Configuration[] = [
  configuration("three owners, restarts", { restart: true, eviction: true }),
  configuration("there and back", { blades: 2, generations: 4, inFlight: 2 }),
  configuration("drain and removal", { blades: 2, drain: true, tidy: true, halfOpenTimeout: true }),
  configuration("lists", { blades: 2, generations: 4, lists: true }),
  configuration("failure", { failures: 1 }),
  configuration("deadline", { cuts: 1 }),
];

/** Those of `npm run model`. */
export const CONFIGURATIONS: readonly Configuration[] = [
  ...SMALL_CONFIGURATIONS,
  configuration("three owners, all that is lost", { restart: true, eviction: true, halfOpenTimeout: true }),
  configuration("two frames on their way", { inFlight: 2, restart: true, eviction: true, halfOpenTimeout: true }),
  configuration("two connections", { tuples: 2, halfOpenTimeout: true }),
  configuration("two connections, restarts", { blades: 2, tuples: 2, restart: true, eviction: true }),
  configuration("two connections of three owners, restarts", { tuples: 2, restart: true, eviction: true }),
  configuration("two connections close, restarts", { blades: 2, tuples: 2, close: true, restart: true, eviction: true }),
  configuration("two connections, reuse", { blades: 2, tuples: 2, incarnations: 2, close: true }),
  configuration("two connections, reuse, restarts", { blades: 2, generations: 2, tuples: 2, incarnations: 2, close: true, restart: true, eviction: true }),
  configuration("four generations", { generations: 4, inFlight: 1 }),
  configuration("preparation and refill", { blades: 2, prepare: true, refill: true, restart: true, eviction: true, halfOpenTimeout: true }),
  configuration("three owners drain", { drain: true, tidy: true, close: true }),
  configuration("drain, restarts, managers started anew", { blades: 2, drain: true, tidy: true, halfOpenTimeout: true, restart: true, crash: true }),
  configuration("two connections, managers started anew", { blades: 2, generations: 2, tuples: 2, drain: true, halfOpenTimeout: true, crash: true }),
  configuration("two connections drain", { blades: 2, tuples: 2, drain: true, tidy: true, halfOpenTimeout: true }),
  configuration("reuse", { incarnations: 2, close: true, tidy: true, halfOpenTimeout: true }),
  configuration("reuse, restarts", { incarnations: 2, close: true, restart: true, eviction: true }),
  configuration("reuse, FIN, drain", { blades: 2, incarnations: 2, close: true, fin: true, tidy: true, drain: true, halfOpenTimeout: true }),
  configuration("lists of two owners", { lists: true, halfOpenTimeout: true }),
  configuration("lists, restarts", { blades: 2, lists: true, restart: true, halfOpenTimeout: true }),
  configuration("lists, two connections", { blades: 2, tuples: 2, lists: true, halfOpenTimeout: true }),
  configuration("lists, drain", { blades: 2, generations: 4, lists: true, drain: true, tidy: true, halfOpenTimeout: true }),
  configuration("failure, restarts", { failures: 1, restart: true, eviction: true, halfOpenTimeout: true }),
  configuration("deadline, restarts, reuse", { blades: 2, generations: 4, cuts: 1, incarnations: 2, close: true, restart: true, halfOpenTimeout: true }),
  configuration("failure, lists", { failures: 1, lists: true, halfOpenTimeout: true }),
  configuration("four owners", { blades: 4, generations: 4, onward: true }),
  configuration("four owners, restarts", { blades: 4, generations: 4, onward: true, restart: true, eviction: true }),
  configuration("four owners, lists", { blades: 4, generations: 4, onward: true, lists: true }),
  configuration("four owners, failure", { blades: 4, generations: 4, onward: true, failures: 1 }),
  configuration("four owners, drain", { blades: 4, generations: 4, onward: true, drain: true, close: true }),
  configuration("forced, reuse", { depth: 2, forced: 1, onward: true, incarnations: 2, close: true }),
  configuration("forced, restarts", { depth: 2, forced: 1, onward: true, restart: true, eviction: true, halfOpenTimeout: true }),
  configuration("forced, full history", { blades: 5, generations: 5, forced: 1, onward: true }),
  configuration("cookies", { blades: 2, cookies: true, rowStates: true, drain: true, tidy: true }),
  configuration("cookies, restarts", { blades: 2, cookies: true, rowStates: true, restart: true, eviction: true }),
  configuration("UDP", { udp: true, restart: true, eviction: true }),
  configuration("UDP, drain", { blades: 2, generations: 4, udp: true, drain: true, tidy: true, restart: true }),
  configuration("UDP, lists", { blades: 2, generations: 4, udp: true, lists: true, eviction: true }),
  configuration("UDP, lists, restarts", { blades: 2, generations: 4, udp: true, lists: true, restart: true }),
  configuration("UDP, four owners", { blades: 4, generations: 4, onward: true, udp: true, restart: true }),
  configuration("UDP, failure", { udp: true, failures: 1, restart: true }),
  configuration("UDP, forced", { depth: 2, forced: 1, onward: true, udp: true }),
];

/** What the hosts serve, by the VIP's port. */

export interface Service {
  /** Bytes that it has answered in all, once it has received so many in all. */
  readonly answer: (received: number) => number;
  /** Whether it ends the connection itself: when its answer has arrived, or at the first data, with the answer. */
  readonly closes: "answered" | "at-once" | null;
  /** Bytes that it still sends after the client has ended its direction, and how long it takes until then. */
  readonly tail: number;
  readonly tailUs: number;
  /** It takes no data for so long after the SYN. */
  readonly shutUs: number;
  /** It keeps no state before the handshake is over. */
  readonly cookies: boolean;
  /** It takes data in a SYN. */
  readonly early: boolean;
}

const ECHO: Service = {
  answer: (received) => received,
  closes: null,
  tail: 0,
  tailUs: 0,
  shutUs: 0,
  cookies: false,
  early: false,
};

export const PORTS = {
  echo: 80,
  download: 81,
  upload: 82,
  closer: 83,
  cookies: 84,
  halfClose: 85,
  slow: 86,
  eager: 87,
  fastOpen: 88,
} as const;

const SERVICES: ReadonlyMap<number, Service> = new Map([
  [PORTS.echo, ECHO],
  [PORTS.download, { ...ECHO, answer: (received) => received * 16 }],
  [PORTS.upload, { ...ECHO, answer: (received) => received >> 4 }],
  [PORTS.closer, { ...ECHO, closes: "answered" }],
  [PORTS.cookies, { ...ECHO, cookies: true }],
  [PORTS.halfClose, { ...ECHO, tail: 700, tailUs: 900_000 }],
  [PORTS.slow, { ...ECHO, shutUs: 600_000 }],
  [PORTS.eager, { ...ECHO, closes: "at-once" }],
  [PORTS.fastOpen, { ...ECHO, early: true }],
]);

/** Undefined: nobody listens. */
export function serviceAt(port: number): Service | undefined {
  return SERVICES.get(port);
}

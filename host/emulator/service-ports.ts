/** Where the emulated hosts' services are: each kind of traffic has its port, so that an appliance's services tell them
 *  apart. */
import type { TrafficKind } from "./scenario.ts";

/** Streams over TCP. */
export const STREAM_PORT = 80;
/** As WireGuard's. */
export const TUNNEL_PORT = 51_820;
export const QUIC_PORT = 443;
export const DNS_PORT = 53;

export const SERVICE_PORTS: Readonly<Record<TrafficKind, number>> = {
  upload: STREAM_PORT,
  download: STREAM_PORT,
  idle: STREAM_PORT,
  udp: TUNNEL_PORT,
  quic: QUIC_PORT,
  dns: DNS_PORT,
};

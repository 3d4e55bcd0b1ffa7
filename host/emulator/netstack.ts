/**
 * The emulator's TCP/IP stack (smoltcp, in the native binding), as TypeScript sees it. One `Netstack` is one
 * Ethernet interface with its addresses, TCP and UDP sockets. It is driven from outside: frames in, frames out, virtual
 * time as an argument; nothing in it runs by itself, and the same calls give the same frames.
 */

export interface NetstackOptions {
  mac: string;
  /** `a.b.c.d/len` or `a::b/len`, own ones first; hosts of an appliance have the VIPs as further ones, with the
   *  prefix length 32 or 128: those are asked for and answered for by the appliance. At most ADDRESSES_MAX. */
  addresses: string[];
  /** Seeds the stack's random numbers (initial sequence numbers, ...). */
  seed: number;
  /** Bytes. Defaults 65,536 each. */
  receiveBuffer?: number;
  sendBuffer?: number;
}

export const ADDRESSES_MAX = 8;
export const DATAGRAM_BYTES_MAX = 32_000;

export type TcpState =
  | "listen" | "syn-sent" | "syn-received" | "established" | "fin-wait-1" | "fin-wait-2"
  | "close-wait" | "closing" | "last-ack" | "time-wait" | "closed";

export interface SocketRow {
  id: number;
  state: TcpState;
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
}

/** `accepted`: a listener's new connection. `reset`: ended by a RST or by giving up; `closed`: ended in order. */
export type ConnectionEvent = "accepted" | "connected" | "readable" | "writable" | "peer-closed" | "closed" | "reset";

/** What happened to a socket since the last `poll`. */
export interface SocketEvent {
  id: number;
  kind: ConnectionEvent;
}

/** What came to a UDP socket, and between whom. */
export interface Datagram {
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
  data: Uint8Array;
}

export interface Netstack {
  /** Accepts connections to `port` on any of its addresses; it never runs out of listening sockets. */
  listen(port: number): void;
  /** Opens a connection; returns the socket's id. */
  connect(now: number, localAddress: string, localPort: number, remoteAddress: string, remotePort: number): number;
  /** Hands in one frame at `now` (µs). */
  receive(now: number, frame: Uint8Array): void;
  /** Lets timers run and sockets send at `now` (µs). Returns the frames to send, in order. */
  poll(now: number): Uint8Array[];
  /** Takes what happened since the last call, in a fixed order. */
  events(): SocketEvent[];
  /** When `poll` wants to be called next (µs), or -1. */
  nextPoll(now: number): number;
  /** Bytes taken of `data`. */
  send(id: number, data: Uint8Array): number;
  /** Up to `max` bytes received; empty when there are none. */
  receiveData(id: number, max: number): Uint8Array;
  /** Room in the send buffer. */
  sendRoom(id: number): number;
  /** Sends FIN after what is queued. */
  close(id: number): void;
  /** Sends RST. */
  abort(id: number): void;
  /** Opens a UDP socket at `port` of every own address; returns its id. It has one kind of event: `readable`. */
  bind(port: number): number;
  /** Sends from the socket's port, at most DATAGRAM_BYTES_MAX. False: its queue is full, and the datagram lost. What a
   *  packet does not hold goes in fragments. */
  sendDatagram(
    now: number, id: number, localAddress: string, localPort: number, remoteAddress: string, remotePort: number, data: Uint8Array,
  ): boolean;
  /** The oldest of those that came, or null. */
  receiveDatagram(id: number): Datagram | null;
  /** Forgets a closed socket, or a UDP one. */
  release(id: number): void;
  /** All TCP sockets but listeners without a connection, in order of id. TIME-WAIT included. */
  sockets(): SocketRow[];
}

/**
 * The emulator's TCP/IP stack (smoltcp, in the native binding), as TypeScript sees it. One `Netstack` is one
 * Ethernet interface with its addresses and TCP sockets. It is driven from outside: frames in, frames out, virtual
 * time as an argument; nothing in it runs by itself, and the same calls give the same frames.
 */

export interface NetstackOptions {
  mac: string;
  /** `a.b.c.d/len`, own address first; hosts of an appliance have the VIP as a further one. */
  addresses: string[];
  /** Seeds the stack's random numbers (initial sequence numbers, ...). */
  seed: number;
  /** Bytes. Defaults 65,536 each. */
  receiveBuffer?: number;
  sendBuffer?: number;
}

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

/** What happened to a socket since the last `poll`. */
export interface SocketEvent {
  id: number;
  /** `accepted`: a listener's new connection. `reset`: ended by a RST or by giving up; `closed`: ended in order. */
  kind: "accepted" | "connected" | "readable" | "writable" | "peer-closed" | "closed" | "reset";
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
  /** Forgets a closed socket. */
  release(id: number): void;
  /** All sockets but listeners without a connection, in order of id. TIME-WAIT included. */
  sockets(): SocketRow[];
}

/** A station's UDP sockets, and who gets what comes to each. */
import type { Datagram, SocketEvent } from "./netstack.ts";
import type { Station } from "./station.ts";

/** Both ends of a datagram, as seen from here. */
export type Path = Omit<Datagram, "data">;

export class UdpSocket {
  readonly port: number;
  readonly #sockets: UdpSockets;
  readonly #id: number;

  constructor(sockets: UdpSockets, id: number, port: number) {
    this.#sockets = sockets;
    this.#id = id;
    this.port = port;
  }

  /** Whether it arrives nobody knows. */
  send(path: Path, data: Uint8Array): void {
    this.#sockets.send(this.#id, path, data);
  }

  close(): void {
    this.#sockets.close(this.#id);
  }
}

type OnDatagram = (datagram: Datagram) => void;

export class UdpSockets {
  readonly #station: Station;
  readonly #receivers = new Map<number, OnDatagram>();

  constructor(station: Station) {
    this.#station = station;
  }

  get isOff(): boolean {
    return this.#station.isOff;
  }

  open(port: number, onDatagram: OnDatagram): UdpSocket {
    const id = this.#station.stack.bind(port);
    this.#receivers.set(id, onDatagram);
    return new UdpSocket(this, id, port);
  }

  /** Returns whether the event was one of these sockets'. */
  handle({ id }: SocketEvent): boolean {
    const receive = this.#receivers.get(id);
    if (!receive) return false;
    // The receiver may close the socket.
    while (this.#receivers.has(id)) {
      const datagram = this.#station.stack.receiveDatagram(id);
      if (!datagram) break;
      receive(datagram);
    }
    return true;
  }

  send(id: number, { localAddress, localPort, remoteAddress, remotePort }: Path, data: Uint8Array): void {
    // What is done after a host was switched off, or a socket was closed, is done by nobody.
    if (this.#station.isOff || !this.#receivers.has(id)) return;
    const { stack, now } = this.#station;
    stack.sendDatagram(now, id, localAddress, localPort, remoteAddress, remotePort, data);
    this.#station.wake();
  }

  close(id: number): void {
    if (this.#receivers.delete(id)) this.#station.stack.release(id);
  }
}

/** Where datagrams come from and go to. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";

export interface Place {
  readonly host: string;
  readonly port: number;
}

const PLACE = /^(?:\[(?<six>[^\]]+)\]|(?<four>[^:]+)):(?<port>\d+)$/;

/** Of `address:port` and `[address]:port`. Throws Error. */
export function parsePlace(text: string): Place {
  const { six, four, port } = PLACE.exec(text)?.groups ?? {};
  if (port === undefined) throw new Error(`"${text}" is not <address>:<port>`);
  return { host: (six ?? four)!, port: Number(port) };
}

export function placeText({ host, port }: Place): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isSamePlace(one: Place, other: Place): boolean {
  return one.host === other.host && one.port === other.port;
}

/** An end of ours: port 0 takes any. */
export class Endpoint {
  readonly place: Place;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    const { address, port } = socket.address();
    this.place = { host: address, port };
    this.#socket = socket;
  }

  /** Rejects when it cannot be bound. */
  static async open({ host, port }: Place, onDatagram: (datagram: Buffer, from: Place, to: Place) => void): Promise<Endpoint> {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    socket.bind(port, host);
    await once(socket, "listening");
    const endpoint = new Endpoint(socket);
    // Unreachable: it counts as lost.
    socket.on("error", () => undefined);
    socket.on("message", (datagram, { address, port: fromPort }) => onDatagram(datagram, { host: address, port: fromPort }, endpoint.place));
    return endpoint;
  }

  send(datagram: Uint8Array, { host, port }: Place): void {
    this.#socket.send(datagram, port, host, () => undefined);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Answers queries, and keeps nothing of them: any host will do. */
import type { Datagram } from "../netstack.ts";
import type { UdpSocket, UdpSockets } from "../udp-sockets.ts";
import { decodeQuery, encodeAnswer } from "./message.ts";

export class QueryServer {
  readonly #socket: UdpSocket;

  constructor(sockets: UdpSockets, port: number) {
    this.#socket = sockets.open(port, (datagram) => this.#receive(datagram));
  }

  #receive({ data, ...path }: Datagram): void {
    const query = decodeQuery(data);
    if (query) this.#socket.send(path, encodeAnswer(query));
  }
}

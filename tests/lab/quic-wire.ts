/** A stretch of wire between QUIC clients and a server, on loopback, that reads whose connection ids clients send to. */
import { Endpoint, type Place } from "../../host/lab/quic/place.ts";
import { quiche } from "../../host/lab/quic/quiche.ts";

export class QuicWire {
  readonly #server: Place;
  readonly #idBytes: number;
  readonly #answerMs: number;
  readonly #ends = new Map<string, Promise<Endpoint>>();
  #entry!: Endpoint;
  /** Ids of packets of established connections, in hex, by the client's address. */
  readonly ids = new Map<string, Set<string>>();

  private constructor(server: Place, idBytes: number, answerMs: number) {
    this.#server = server;
    this.#idBytes = idBytes;
    this.#answerMs = answerMs;
  }

  /** `idBytes`: of the server's connection ids. `answerMs`: how long the server's datagrams are on their way. */
  static async open(server: Place, idBytes: number, answerMs = 0): Promise<QuicWire> {
    const wire = new QuicWire(server, idBytes, answerMs);
    wire.#entry = await Endpoint.open({ host: server.host, port: 0 }, (datagram, from) => void wire.#forward(datagram, from));
    return wire;
  }

  /** Where clients find the server. */
  get place(): Place {
    return this.#entry.place;
  }

  async close(): Promise<void> {
    this.#entry.close();
    for (const end of this.#ends.values()) (await end).close();
  }

  /** From the client's own address, at another port: the server sees it change. */
  async #forward(datagram: Buffer, from: Place): Promise<void> {
    const { ty, dcid } = quiche.Header.fromSlice(datagram, this.#idBytes);
    if (ty === quiche.Type.Short) this.ids.set(from.host, (this.ids.get(from.host) ?? new Set()).add(Buffer.from(dcid).toString("hex")));
    const name = `${from.host} ${from.port}`;
    const end = this.#ends.get(name) ?? Endpoint.open({ host: from.host, port: 0 }, (answer) => this.#answer(answer, from));
    this.#ends.set(name, end);
    (await end).send(datagram, this.#server);
  }

  #answer(datagram: Buffer, to: Place): void {
    if (this.#answerMs === 0) this.#entry.send(datagram, to);
    else setTimeout(() => this.#entry.send(datagram, to), this.#answerMs);
  }
}

/**
 * Program: a QUIC server whose connection ids come from a file. It knows nothing of what they say.
 * `node server.js --name <name> --ids <file> --certificate <file> --key <file> --listen <address:port>...`
 */
import { parseArgs } from "node:util";
import { Answers } from "./answers.ts";
import { serverConfig } from "./config.ts";
import { QuicConnection } from "./connection.ts";
import { Endpoint, parsePlace, type Place, placeText } from "./place.ts";
import { type Config, type Header, quiche } from "./quiche.ts";
import { ConnectionIdStock } from "./stock.ts";

class Server {
  readonly #name: string;
  readonly #stock: ConnectionIdStock;
  readonly #config: Config;
  /** By each connection id that leads to it, in hex. */
  readonly #connections = new Map<string, QuicConnection>();

  constructor(name: string, stock: ConnectionIdStock, config: Config) {
    this.#name = name;
    this.#stock = stock;
    this.#config = config;
  }

  async listen(place: Place): Promise<void> {
    const endpoint = await Endpoint.open(place, (datagram, from, to) => this.#take(endpoint, datagram, from, to));
    console.log(`listening on ${placeText(endpoint.place)}`);
  }

  #take(endpoint: Endpoint, datagram: Buffer, from: Place, to: Place): void {
    let header: Header;
    try {
      header = quiche.Header.fromSlice(datagram, this.#stock.idBytes);
    } catch {
      return;
    }
    const known = this.#connections.get(hex(header.dcid));
    // Nobody's, and not the first of a new connection: of another server, or of one that has ended.
    if (known === undefined && header.ty !== quiche.Type.Initial) return;
    (known ?? this.#accept(endpoint, header.dcid, from)).receive(datagram, from, to);
  }

  /** `chosen`: by the client, until it knows one of ours. */
  #accept(endpoint: Endpoint, chosen: Uint8Array, from: Place): QuicConnection {
    const ids = [hex(chosen)];
    const makeId = (): Buffer => {
      const id = this.#stock.take();
      ids.push(hex(id));
      return id;
    };
    const first = makeId();
    const answers = new Answers(this.#name, () => connection);
    const connection = new QuicConnection(quiche.Connection.accept(first, null, endpoint.place, from, this.#config), {
      send: (datagram, _, to) => endpoint.send(datagram, to),
      take: (stream, bytes, isLast) => answers.take(stream, bytes, isLast),
      makeId: () => {
        const id = makeId();
        this.#connections.set(hex(id), connection);
        return id;
      },
      retireId: (id) => void this.#connections.delete(hex(id)),
      // Whatever is wrong with a connection is its client's to tell.
      end: () => {
        for (const id of ids) this.#connections.delete(id);
      },
    });
    for (const id of ids) this.#connections.set(id, connection);
    return connection;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

try {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { name: text, ids: text, certificate: text, key: text, listen: { ...text, multiple: true } } });
  const { name, ids, certificate, key, listen } = values;
  if (!name || !ids || !certificate || !key || !listen) throw new Error("wanted are --name, --ids, --certificate, --key and --listen");
  const server = new Server(name, new ConnectionIdStock(ids), serverConfig(certificate, key));
  for (const place of listen.map(parsePlace)) await server.listen(place);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

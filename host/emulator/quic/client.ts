/** A QUIC-shaped connection at its client, which may go on from another address. */
import { US_PER_MS, US_PER_SECOND } from "../clock.ts";
import { ClientConnection } from "../client-connection.ts";
import { type ClientContext, type ClientEnd, openEnd } from "../client-context.ts";
import type { ConnectionRecord } from "../ledger.ts";
import type { ConnectionEvent, Datagram } from "../netstack.ts";
import { Stream } from "../stream.ts";
import { RANDOM_CID_BYTES, randomCid } from "./cid.ts";
import { QuicConnection } from "./connection.ts";
import { decodePacket } from "./packet.ts";

/** What is on its way to a socket that is not used any more has arrived after this long. */
const LINGER_US = 3 * US_PER_SECOND;
/** A client that cannot change its address yet tries again after this long. */
const MIGRATE_AGAIN_US = 100 * US_PER_MS;

export class QuicClient {
  readonly #context: ClientContext;
  readonly #record: ConnectionRecord;
  readonly #connection: QuicConnection;
  readonly #application: ClientConnection;
  #end: ClientEnd;

  constructor(context: ClientContext, record: ConnectionRecord) {
    const { clock, random, ledger } = context;
    const { client, migration } = record.plan;
    this.#context = context;
    this.#record = record;
    this.#end = this.#open(client);
    ledger.opened(record, this.#end.path.localPort);
    this.#connection = new QuicConnection({
      clock,
      random,
      role: "client",
      ownCid: randomCid(random),
      peerCid: randomCid(random),
      makeCid: () => randomCid(random),
      onOwnCid: () => undefined,
      transmit: (bytes) => this.#end.socket.send(this.#end.path, bytes),
      onEvent: (event) => this.#handle(event),
    });
    this.#application = new ClientConnection(clock, new Stream(this.#connection), record);
    if (migration) clock.after(migration.afterUs, () => this.#migrate(migration.client));
  }

  #open(address: string): ClientEnd {
    return openEnd(this.#context, this.#record, address, (datagram) => this.#receive(datagram));
  }

  #receive({ data }: Datagram): void {
    const packet = decodePacket(data, RANDOM_CID_BYTES);
    if (packet) this.#connection.receivePacket(packet);
    else this.#connection.receiveOther(data);
  }

  #handle(event: ConnectionEvent): void {
    if (this.#application.handle(event)) this.#closeLater(this.#end);
  }

  /** From another port at `address`. */
  #migrate(address: string): void {
    if (this.#connection.isOver) return;
    if (!this.#connection.canMigrate) {
      this.#context.clock.after(MIGRATE_AGAIN_US, () => this.#migrate(address));
      return;
    }
    this.#closeLater(this.#end);
    this.#end = this.#open(address);
    this.#context.ledger.migrated(this.#record, address, this.#end.path.localPort, this.#context.clock.now);
    this.#connection.migrate();
  }

  #closeLater({ socket }: ClientEnd): void {
    this.#context.clock.after(LINGER_US, () => socket.close());
  }
}

/** The server's end of all tunnels of a host: a session for each handshake, confirmed by what its client sends next. */
import type { VirtualClock } from "../clock.ts";
import type { ConnectionRecord, Ledger, LiveConnection } from "../ledger.ts";
import type { Datagram } from "../netstack.ts";
import type { Random } from "../random.ts";
import type { Path, UdpSocket, UdpSockets } from "../udp-sockets.ts";
import { type Burst, decodeMessage, encodeMessage, type Message } from "./message.ts";
import { TunnelSide } from "./side.ts";

export interface TunnelServerOptions {
  readonly clock: VirtualClock;
  readonly sockets: UdpSockets;
  readonly port: number;
  /** Owner that the host stands for. */
  readonly owner: string;
  readonly ledger: Ledger;
  readonly random: Random;
}

interface Session {
  readonly index: number;
  /** The client's index. */
  readonly client: number;
  readonly record: ConnectionRecord;
  readonly side: TunnelSide;
  path: Path;
  /** The client has sent something to it: it has the response. */
  confirmed: boolean;
}

export class TunnelServer {
  readonly #options: TunnelServerOptions;
  readonly #socket: UdpSocket;
  /** By the server's index. Those that are over too: their client may ask again. */
  readonly #sessions = new Map<number, Session>();
  /** The same by who has opened them. */
  readonly #byOpener = new Map<string, Session>();

  constructor(options: TunnelServerOptions) {
    this.#options = options;
    this.#socket = options.sockets.open(options.port, (datagram) => this.#receive(datagram));
  }

  /** Sessions that are established, and not closed; a broken one is lost already. */
  live(): LiveConnection[] {
    const live = [...this.#sessions.values()].filter(({ confirmed, side, record }) => confirmed && !side.isOver && !record.isBroken);
    return live.map(({ path }) => ({ client: path.remoteAddress, clientPort: path.remotePort }));
  }

  #receive({ data, ...path }: Datagram): void {
    const message = decodeMessage(data);
    if (!message) return this.#ledgerRecord(path)?.break("corrupt", this.#options.clock.now);
    if (message.type === "INITIATION") return this.#open(message, path);
    if (message.type === "UNKNOWN") return;
    const session = this.#sessions.get(message.index);
    if (!session) return this.#strange(message, path);
    session.path = path;
    this.#confirm(session);
    if (session.side.isNew(message)) this.#handle(session, message);
  }

  #open({ index }: Message, path: Path): void {
    const opener = `${path.remoteAddress} ${path.remotePort} ${index}`;
    const session = this.#byOpener.get(opener) ?? this.#makeSession(index, path);
    this.#byOpener.set(opener, session);
    session.side.sendTo(index, { type: "RESPONSE", session: session.index });
  }

  #makeSession(client: number, path: Path): Session {
    const { clock, random, owner } = this.#options;
    const record = this.#ledgerRecord(path);
    if (!record) throw new Error(`${owner} has got a tunnel that no client has opened`);
    const send = (bytes: Uint8Array): void => this.#socket.send(session.path, bytes);
    const side = new TunnelSide({ clock, side: "server", send });
    const session: Session = { index: random.between(1, 0xffff_ffff), client, record, side, path, confirmed: false };
    this.#sessions.set(session.index, session);
    return session;
  }

  #confirm(session: Session): void {
    if (session.confirmed) return;
    session.confirmed = true;
    session.record.servedBy = this.#options.owner;
    session.side.establish(session.client);
  }

  #handle({ side, record }: Session, message: Message): void {
    switch (message.type) {
      case "DATA":
        if (message.burst.number > side.burst) this.#begin(side, message.burst);
        if (side.receive(message.burst.number)) record.bytes += message.payload.length;
        return;
      case "CHECK":
        // While this side is sending, the question comes too early. The client repeats it.
        if (message.burst === side.burst && !side.isSending) side.send({ type: "CHECKED", ...side.count });
        // None of the burst has arrived.
        if (message.burst > side.burst) side.send({ type: "CHECKED", burst: message.burst, sent: 0, received: 0 });
        return;
      case "CLOSE":
        if (!side.isOver) record.closedUs = this.#options.clock.now;
        side.end();
        return side.send({ type: "CLOSED" });
      default:
        return;
    }
  }

  #begin(side: TunnelSide, burst: Burst): void {
    if (!side.isOver) side.begin(burst, () => undefined);
  }

  /** A datagram of a session that another host has, or that nobody has. */
  #strange({ index }: Message, path: Path): void {
    const record = this.#ledgerRecord(path);
    if (record && record.outcome !== "done") record.break("reset", this.#options.clock.now);
    this.#socket.send(path, encodeMessage({ type: "UNKNOWN", index, counter: 0 }));
  }

  #ledgerRecord({ remoteAddress, remotePort }: Path): ConnectionRecord | undefined {
    return this.#options.ledger.find(remoteAddress, remotePort);
  }
}

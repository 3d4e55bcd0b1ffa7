/** Two stacks without a network between them: what one sends the other receives, but for what `alter` does to it. */
import type { Netstack, SocketEvent, SocketRow } from "../../host/emulator/netstack.ts";

const SOCKET = 1;

export type Alter = (bytes: Uint8Array) => Uint8Array;

class PipeStack implements Netstack {
  peer!: PipeStack;
  readonly #alter: Alter;
  readonly #row: SocketRow;
  #events: SocketEvent[] = [];
  #inbox = Buffer.alloc(0);

  constructor(row: SocketRow, alter: Alter) {
    this.#row = row;
    this.#alter = alter;
  }

  raise(kind: SocketEvent["kind"]): void {
    this.#events.push({ id: SOCKET, kind });
  }

  take(bytes: Uint8Array): void {
    this.#inbox = Buffer.concat([this.#inbox, bytes]);
    this.raise("readable");
  }

  connect(): number {
    this.raise("connected");
    this.peer.raise("accepted");
    return SOCKET;
  }

  send(_id: number, data: Uint8Array): number {
    this.peer.take(this.#alter(data));
    return data.length;
  }

  receiveData(_id: number, max: number): Uint8Array {
    const bytes = this.#inbox.subarray(0, max);
    this.#inbox = this.#inbox.subarray(bytes.length);
    return bytes;
  }

  close(): void {
    this.peer.raise("peer-closed");
  }

  events(): SocketEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  sockets(): SocketRow[] {
    return [this.#row];
  }

  listen(): void {}
  receive(): void {}
  poll(): Uint8Array[] {
    return [];
  }
  nextPoll(now: number): number {
    // Nothing wakes a station of a pipe but this.
    return now + 10;
  }
  sendRoom(): number {
    return Number.MAX_SAFE_INTEGER;
  }
  abort(): void {}
  bind(): number {
    throw new Error("a pipe carries no datagrams");
  }
  sendDatagram(): boolean {
    return false;
  }
  receiveDatagram(): null {
    return null;
  }
  release(): void {}
}

/** `alterUp`: what happens to bytes of the client. `alterDown`: to those of the server. */
export function pipe(
  client: string,
  clientPort: number,
  alterUp: Alter,
  alterDown: Alter,
): { client: PipeStack; server: PipeStack } {
  const ends = { id: SOCKET, state: "established" } as const;
  const row = { ...ends, localAddress: "10.0.0.1", localPort: 80, remoteAddress: client, remotePort: clientPort };
  const clientRow = { ...ends, localAddress: client, localPort: clientPort, remoteAddress: "10.0.0.1", remotePort: 80 };
  const clientStack = new PipeStack(clientRow, alterUp);
  const serverStack = new PipeStack(row, alterDown);
  clientStack.peer = serverStack;
  serverStack.peer = clientStack;
  return { client: clientStack, server: serverStack };
}

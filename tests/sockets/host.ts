/** Real TCP connections on this machine's loopback, whose server ends are at a VIP of the test's own. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clock } from "../../host/supervisor/environment.ts";
import { InetDiagSockets, type InetDiagOptions } from "../../host/sockets/inet-diag.ts";
import type { HostSocket } from "../../host/supervisor/environment.ts";

export const clock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** All of 127.0.0.0/8 is this machine, so each process of tests has addresses to itself. */
const NET = `127.${100 + (process.pid % 100)}.${process.pid >> 8 & 255}`;
export const VIP = `${NET}.1`;
export const CLIENT = `${NET}.2`;

export interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly port: number;
}

export class TestServer {
  readonly #server: Server = createServer({ allowHalfOpen: true });
  readonly #accepted = new Map<number, Socket>();
  readonly #open = new Set<Socket>();

  /** `address`: "::" takes IPv4 too, as nginx's `listen [::]:80 ipv6only=off` does. */
  static async start(address: string): Promise<TestServer> {
    const test = new TestServer();
    test.#server.on("connection", (socket) => test.#accepted.set(socket.remotePort!, socket));
    await new Promise<void>((resolve) => test.#server.listen(0, address, 1_024, resolve));
    return test;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async connect(host = VIP, localAddress = CLIENT): Promise<Connection> {
    const client = connect({ host, port: this.port, localAddress, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => client.once("connect", resolve).once("error", reject));
    const port = client.localPort!;
    while (!this.#accepted.has(port)) await new Promise((resolve) => setImmediate(resolve));
    const server = this.#accepted.get(port)!;
    this.#accepted.delete(port);
    for (const socket of [client, server]) {
      this.#open.add(socket);
      socket.on("error", () => undefined).on("close", () => this.#open.delete(socket)).resume();
    }
    return { client, server, port };
  }

  close(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
    this.#server.close();
  }
}

export function openSockets(options: Partial<InetDiagOptions> = {}): InetDiagSockets {
  return new InetDiagSockets({ clock, vips: [VIP], ...options });
}

export function read(sockets: InetDiagSockets): Promise<readonly HostSocket[]> {
  return new Promise((resolve) => sockets.read(resolve));
}

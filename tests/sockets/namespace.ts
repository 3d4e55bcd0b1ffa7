/** A network namespace with a server whose SYN+ACKs are lost from some time on. Needs root, ip and nft. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

export interface HostAddresses {
  readonly vip: string;
  readonly client: string;
}

const IPV4: HostAddresses = { vip: "192.0.2.1", client: "198.51.100.7" };
export const IPV6: HostAddresses = { vip: "2001:db8::1", client: "2001:db8:ffff::7" };

const SERVER = `
  const net = require("node:net");
  const [host, localAddress] = process.argv.slice(1);
  const connect = () => net.connect({ host, port: 80, localAddress }).on("error", () => {});
  net.createServer((socket) => socket.on("error", () => {})).listen(80, host, () => {
    connect().on("connect", () => console.log("connected"));
  });
  process.stdin.once("data", connect).once("end", () => process.exit());
`;

const LOST = "add table inet e; add chain inet e out { type filter hook output priority 0; }; add rule inet e out tcp flags & (syn | ack) == syn | ack drop";

export class HalfOpenHost {
  readonly name: string;
  readonly vip: string;
  readonly #child: ChildProcess;

  private constructor(name: string, { vip, client }: HostAddresses) {
    this.name = name;
    this.vip = vip;
    execFileSync("ip", ["netns", "add", this.name]);
    for (const args of [["link", "set", "lo", "up"], ["addr", "add", vip, "dev", "lo"], ["addr", "add", client, "dev", "lo"]]) {
      execFileSync("ip", ["-n", this.name, ...args]);
    }
    this.#child = spawn("ip", ["netns", "exec", this.name, process.execPath, "-e", SERVER, vip, client], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  /** With one connection that is established, and one that never will be. */
  static async start(name = `E-${process.pid}`, addresses = IPV4): Promise<HalfOpenHost> {
    const host = new HalfOpenHost(name, addresses);
    try {
      await once(host.#child.stdout!, "data");
      execFileSync("ip", ["netns", "exec", host.name, "nft", LOST]);
      host.#child.stdin!.write("connect\n");
      return host;
    } catch (error) {
      host.stop();
      throw error;
    }
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
    execFileSync("ip", ["netns", "del", this.name]);
  }
}

/** A network namespace with a server whose SYN+ACKs are lost from some time on. Needs root, ip and nft. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

const SERVER = `
  const net = require("node:net");
  const connect = () => net.connect({ host: "192.0.2.1", port: 80, localAddress: "198.51.100.7" }).on("error", () => {});
  net.createServer((socket) => socket.on("error", () => {})).listen(80, "192.0.2.1", () => {
    connect().on("connect", () => console.log("connected"));
  });
  process.stdin.once("data", connect).once("end", () => process.exit());
`;

const LOST = "add table inet e; add chain inet e out { type filter hook output priority 0; }; add rule inet e out tcp flags & (syn | ack) == syn | ack drop";

export class HalfOpenHost {
  readonly name: string;
  readonly vip = "192.0.2.1";
  readonly #child: ChildProcess;

  private constructor(name: string) {
    this.name = name;
    execFileSync("ip", ["netns", "add", this.name]);
    for (const args of [["link", "set", "lo", "up"], ["addr", "add", "192.0.2.1/32", "dev", "lo"], ["addr", "add", "198.51.100.7/32", "dev", "lo"]]) {
      execFileSync("ip", ["-n", this.name, ...args]);
    }
    this.#child = spawn("ip", ["netns", "exec", this.name, process.execPath, "-e", SERVER], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  /** With one connection that is established, and one that never will be. */
  static async start(name = `E-${process.pid}`): Promise<HalfOpenHost> {
    const host = new HalfOpenHost(name);
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

/** iperf3 over UDP: a server a client and host, since one serves one client at a time; and clients that run for a while. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../../errors.ts";
import { CLIENTS, hostNamespace, vipFor } from "../addresses.ts";
import type { Exchange } from "../exchanges.ts";
import { runStep } from "../namespaces.ts";
import { type Finished, finished } from "../services.ts";
import type { Server, Site } from "../site.ts";

export interface IperfRun {
  readonly client: string;
  readonly port: number;
  /** Datagrams go from the server to the client. */
  readonly reverse: boolean;
}

export interface IperfEnd {
  readonly exchange: Exchange;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Payload of a datagram, and so many bits a second: 100 datagrams a second. */
const DATAGRAM_BYTES = 1_000;
const BITS_A_SECOND = 800_000;
const READY_MS = 30_000;
/** A client whose first datagram was lost waits for its answer in vain: it is started anew. */
const ANEW_MS = 4_000;
const POLL_MS = 50;
/** Of what was sent: a move may cost what is on the way in that instant. */
const LOST_SHARE_MAX = 0.02;

/** Of a blade's host, for one run. */
export function iperfServer(site: Site, blade: string, { client, port }: IperfRun): Server {
  const command = ["iperf3", "-s", "-B", vipFor(client), "-p", String(port), "--forceflush"];
  const service = site.services.start({ name: serverName(blade, port), namespace: hostNamespace(blade), command });
  const listening = { namespace: hostNamespace(blade), command: ["ss", "-Hltn", `sport = :${port}`] } as const;
  return { ready: () => service.ready(() => runStep(listening).trim() !== "", READY_MS) };
}

function serverName(blade: string, port: number): string {
  return `iperf3-${blade}-${port}`;
}

export class IperfClients {
  readonly #site: Site;
  readonly #blades: readonly string[];
  #running: Running[] = [];

  constructor(site: Site, blades: readonly string[]) {
    this.#site = site;
    this.#blades = blades;
  }

  start(run: IperfRun, seconds: number): void {
    this.#running.push(this.#launch(run, seconds));
  }

  #launch(run: IperfRun, seconds: number): Running {
    const { client, port, reverse } = run;
    const command = [
      ...["iperf3", "-c", vipFor(client), "-B", client, "-p", String(port), "-J", "-t", String(seconds)],
      ...["-u", "-b", String(BITS_A_SECOND), "-l", String(DATAGRAM_BYTES), ...(reverse ? ["-R"] : [])],
    ];
    const child = this.#site.services.pipe({ name: `iperf3-${port}`, namespace: CLIENTS, command });
    const ended = finished(child).then((end) => ({ ...end, at: Date.now() }));
    return { run, seconds, child, beganAt: Date.now(), ended };
  }

  /** Resolves when datagrams go to and fro in every run. Throws E_LAB_WAIT. */
  async underWay(): Promise<void> {
    const until = Date.now() + READY_MS;
    for (;;) {
      const idle = this.#running.filter(({ run }) => this.#bladeOf(run) === null);
      if (idle.length === 0) return;
      for (const one of idle) if (Date.now() - one.beganAt > ANEW_MS) await this.#startAnew(one);
      if (Date.now() > until) {
        const some = idle.map(({ run }) => `${run.client} at port ${run.port}`).join(", ");
        throw new DobbsError("E_LAB_WAIT", `no server has datagrams of ${some}`, "See the logs of iperf3.", 1);
      }
      await sleep(POLL_MS);
    }
  }

  async #startAnew(one: Running): Promise<void> {
    one.child.kill("SIGKILL");
    await one.ended;
    this.#running = this.#running.map((other) => (other === one ? this.#launch(one.run, one.seconds) : other));
  }

  /** Resolves when all have run for their time. */
  ended(): Promise<IperfEnd[]> {
    return Promise.all(this.#running.map(async ({ run, beganAt, ended }) => this.#end(run, beganAt, await ended)));
  }

  #end(run: IperfRun, beganAt: number, { status, stdout, at }: Ended): IperfEnd {
    const { sentBytes, receivedBytes, problem } = readIperf(status, stdout);
    const what = run.reverse ? "iperf3 from the server" : "iperf3 to the server";
    return { exchange: { what, client: run.client, beganAt, endedAt: at, blade: this.#bladeOf(run), problem }, sentBytes, receivedBytes };
  }

  /** The blade whose server has a datagram of this run. */
  #bladeOf({ client, port }: IperfRun): string | null {
    const said = `connected to ${client} port `;
    return this.#blades.find((blade) => this.#logOf(blade, port).includes(said)) ?? null;
  }

  #logOf(blade: string, port: number): string {
    return this.#site.services.logOf(serverName(blade, port));
  }
}

interface Running {
  readonly run: IperfRun;
  readonly seconds: number;
  readonly child: ChildProcess;
  readonly beganAt: number;
  readonly ended: Promise<Ended>;
}

interface Ended extends Finished {
  readonly at: number;
}

interface IperfSum {
  readonly bytes: number;
}

/** What `iperf3 -J` has printed. Its own count of what was lost ends at the last datagram that came; the bytes tell all. */
export function readIperf(status: number | null, stdout: string): { sentBytes: number; receivedBytes: number; problem: string | null } {
  let output: { end?: { sum_sent?: IperfSum; sum_received?: IperfSum }; error?: string };
  try {
    output = JSON.parse(stdout) as typeof output;
  } catch {
    return { sentBytes: 0, receivedBytes: 0, problem: `iperf3 exits ${status}, and prints no JSON` };
  }
  const sentBytes = output.end?.sum_sent?.bytes ?? 0;
  const receivedBytes = output.end?.sum_received?.bytes ?? 0;
  return { sentBytes, receivedBytes, problem: output.error ?? (status === 0 ? lossProblem(sentBytes, receivedBytes) : `iperf3 exits ${status}`) };
}

function lossProblem(sentBytes: number, receivedBytes: number): string | null {
  const lost = sentBytes === 0 ? 1 : 1 - receivedBytes / sentBytes;
  return lost > LOST_SHARE_MAX ? `${(lost * 100).toFixed(1)}% of ${sentBytes} bytes were lost` : null;
}

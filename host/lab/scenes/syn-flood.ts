/** A SYN flood from addresses that nobody has, by trafgen: it comes by the router, and so do the answers. */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../../errors.ts";
import { NOBODYS, ROUTER, ROUTER_MAC, SERVICE_PORT, VIPS } from "../addresses.ts";
import { VMAC } from "../lab-appliance.ts";
import type { Service } from "../services.ts";
import type { Site } from "../site.ts";

export interface FloodPlan {
  readonly perSecond: number;
  readonly seconds: number;
}

/** Wakes when it wants to, so that it keeps its pace on a busy machine too; where that may not be asked for, it does what it can. */
const PUNCTUAL = 'chrt -f 1 true 2>/dev/null && exec chrt -f 1 "$@"; exec "$@"';
const POLL_MS = 50;
/** After so many times what it ought to take it is cut short, and was too slow. */
const PATIENCE = 2;
const CUT_SHORT_MS = 10_000;
/** What it says when it has ended. */
const SENT = /^\s*(\d+) packets outgoing/m;

export class SynFlood {
  readonly #service: Service;
  readonly #beganAt = Date.now();
  readonly #plan: FloodPlan;

  private constructor(service: Service, plan: FloodPlan) {
    this.#service = service;
    this.#plan = plan;
  }

  static start(site: Site, plan: FloodPlan): SynFlood {
    const { perSecond, seconds } = plan;
    const config = site.folder.join("syn.trafgen");
    writeFileSync(config, synConfig());
    const command = [
      ...["sh", "-c", PUNCTUAL, "sh", "trafgen", "--dev", "near", "--conf", config, "--num", String(perSecond * seconds), "--rate", `${perSecond}pps`],
      // One sender, and the machine's settings left as they are.
      ...["--cpus", "1", "--no-sock-mem", "--notouch-irq"],
    ];
    return new SynFlood(site.services.start({ name: "trafgen", namespace: ROUTER, command }), plan);
  }

  get isOver(): boolean {
    return !this.#service.isRunning;
  }

  /** Resolves with how many SYNs were sent, and in how many seconds. Throws E_LAB_SERVICE. */
  async ended(): Promise<{ readonly sent: number; readonly seconds: number }> {
    const patienceMs = this.#plan.seconds * PATIENCE * 1_000;
    if (!(await this.#isOverBy(this.#beganAt + patienceMs))) {
      this.#service.interrupt();
      await this.#isOverBy(Date.now() + CUT_SHORT_MS);
    }
    const sent = SENT.exec(this.#service.said());
    if (!this.isOver || sent === null) {
      const words = this.#service.said().trim().split("\n").at(-1) ?? "";
      throw new DobbsError("E_LAB_SERVICE", `trafgen has sent no flood; its last words: ${words}`, "See what it says.", 1);
    }
    return { sent: Number(sent[1]), seconds: (Date.now() - this.#beganAt) / 1_000 };
  }

  async #isOverBy(until: number): Promise<boolean> {
    while (!this.isOver && Date.now() < until) await sleep(POLL_MS);
    return this.isOver;
  }
}

/** As trafgen(8) has it; it computes the checksums. */
function synConfig(): string {
  const sources = `drnd(0x${NOBODYS.first.toString(16)}, 0x${NOBODYS.last.toString(16)})`;
  return `{
  eth(da=${VMAC}, sa=${ROUTER_MAC}),
  ipv4(id=drnd(), ttl=64, sa=${sources}, da=${VIPS[4]}),
  tcp(sp=drnd(1024, 65535), dp=${SERVICE_PORT}, seq=drnd(), syn, win=65535)
}
`;
}

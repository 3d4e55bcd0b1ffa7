/** A SYN flood from addresses that nobody has, by trafgen: it comes by the router, and so do the answers. */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../../errors.ts";
import { NOBODYS, ROUTER, ROUTER_MAC, SERVICE_PORT, VIPS } from "../addresses.ts";
import { VMAC } from "../lab-appliance.ts";
import type { Service } from "../services.ts";
import type { Site } from "../site.ts";

/** Wakes when it wants to, so that it keeps its pace on a busy machine too; where that may not be asked for, it does what it can. */
const PUNCTUAL = 'chrt -f 1 true 2>/dev/null && exec chrt -f 1 "$@"; exec "$@"';
const POLL_MS = 50;
/** Of seconds: a flood that nobody stops is over by then. */
const SECONDS_MAX = 120;
/** To say, after it was stopped, how much it has sent. */
const LAST_WORDS_MS = 10_000;
/** What it says when it has ended. */
const SENT = /^\s*(\d+) packets outgoing/m;

/** How much was sent, and in how long. */
export interface Flooded {
  readonly sent: number;
  readonly seconds: number;
}

export class SynFlood {
  readonly #service: Service;
  readonly #beganAt = Date.now();

  private constructor(service: Service) {
    this.#service = service;
  }

  /** Goes on until it is stopped. */
  static start(site: Site, perSecond: number): SynFlood {
    const config = site.folder.join("syn.trafgen");
    writeFileSync(config, synConfig());
    const command = [
      ...["sh", "-c", PUNCTUAL, "sh", "trafgen", "--dev", "near", "--conf", config, "--num", String(perSecond * SECONDS_MAX), "--rate", `${perSecond}pps`],
      // One sender, and the machine's settings left as they are.
      ...["--cpus", "1", "--no-sock-mem", "--notouch-irq"],
    ];
    return new SynFlood(site.services.start({ name: "trafgen", namespace: ROUTER, command }));
  }

  /** Stops it once it has gone on for so many seconds. Throws E_LAB_SERVICE: it has ended before, or does not say what it has sent. */
  async stopAfter(secondsMin: number): Promise<Flooded> {
    await sleep(Math.max(0, this.#beganAt + secondsMin * 1_000 - Date.now()));
    const seconds = (Date.now() - this.#beganAt) / 1_000;
    if (!this.#service.isRunning) throw this.#failure("has ended by itself");
    this.#service.interrupt();
    const until = Date.now() + LAST_WORDS_MS;
    while (this.#service.isRunning && Date.now() < until) await sleep(POLL_MS);
    const sent = SENT.exec(this.#service.said());
    if (sent === null) throw this.#failure("does not say what it has sent");
    return { sent: Number(sent[1]), seconds };
  }

  #failure(what: string): DobbsError {
    const words = this.#service.said().trim().split("\n").at(-1) ?? "";
    return new DobbsError("E_LAB_SERVICE", `trafgen ${what}; its last words: ${words}`, "See what it says.", 1);
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

/** Whether hosts of this blade may have SYN cookies out: of such connections they know nothing until the client's next segment comes. */
import type { ManagementSession } from "../management/session.ts";
import type { Clock, HostSockets } from "./environment.ts";

export class CookieWatch {
  readonly #clock: Clock;
  readonly #session: ManagementSession;
  readonly #hosts: readonly HostSockets[];
  /** By host: as it said last. Before that: none, so that what it has sent before anyone looked counts as sent now. */
  readonly #sent: number[];
  /** When a host was seen to have sent more. */
  #sentAt = -Infinity;
  /** When none was out last. */
  #noneAt = -Infinity;
  /** A host could not tell: any may be out, until it says how many it has sent meanwhile. */
  #untold = false;

  constructor(clock: Clock, session: ManagementSession, hosts: readonly HostSockets[]) {
    this.#clock = clock;
    this.#session = session;
    this.#hosts = hosts;
    this.#sent = hosts.map(() => 0);
  }

  /** As of the last look. */
  get areOut(): boolean {
    return this.#untold || this.#clock.now() - this.#sentAt < this.#session.cookieMs;
  }

  /** None that was sent longer ago, in ms, can be out. */
  get sinceMs(): number {
    return this.#clock.now() - this.#noneAt;
  }

  look(): void {
    const now = this.#clock.now();
    this.#untold = false;
    for (const [index, host] of this.#hosts.entries()) {
      const sent = host.cookiesSent();
      if (sent === null) this.#untold = true;
      else if (sent !== this.#sent[index]) {
        this.#sentAt = now;
        this.#sent[index] = sent;
      }
    }
    if (!this.areOut) this.#noneAt = now;
  }
}

/**
 * Which owners of a blade have QUIC connections yet. Nobody lists these: as long as packets come whose connection ids name an
 * owner, it is taken to have some.
 */
import type { ManagementSession } from "../management/session.ts";
import type { Service } from "../model/appliance.ts";

export class CidWatch {
  readonly #session: ManagementSession;
  /** By local owner's index. */
  readonly #owners: readonly string[];
  /** Null: no service has connection ids. */
  readonly #idleMs: number | null;
  #lingering: readonly string[] | null;

  constructor(session: ManagementSession, owners: readonly string[], services: readonly Service[]) {
    this.#session = session;
    this.#owners = owners;
    const idles = services.filter((service) => service.class === "cid").map(({ idleMs }) => idleMs);
    this.#idleMs = idles.length === 0 ? null : Math.max(...idles);
    this.#lingering = this.#idleMs === null ? [] : null;
  }

  /** Owners for which a packet has come in their services' idle time, as of the last look; null: the IPD has not said so yet, or not any
   *  more. */
  get lingering(): readonly string[] | null {
    return this.#lingering;
  }

  look(onDone: () => void): void {
    const idleMs = this.#idleMs;
    if (idleMs === null) return onDone();
    this.#session.uses((result) => {
      this.#lingering = result.ok ? this.#owners.filter((_, index) => (result.value[index] ?? Infinity) < idleMs) : null;
      onDone();
    });
  }
}

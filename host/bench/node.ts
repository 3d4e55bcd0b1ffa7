/** One image in service on one engine, and its management channel, without any delay. */
import type { Engine } from "../engine/engine.ts";
import { Firmware } from "../engine/firmware.ts";
import { DobbsError } from "../errors.ts";
import { decodeHello } from "../management/commands.ts";
import type { Answer, Request } from "../management/envelope.ts";
import { Exchange, type Outcome } from "../management/exchange.ts";
import { refusalOf } from "../management/status.ts";
import type { NodeSetup } from "../supervisor/node-setup.ts";
import { bringIntoService } from "../replay/setup.ts";

/** Time stands still: nothing ages while it is measured. */
export const NOW = 1_000_000;

export class BenchNode {
  readonly firmware: Firmware;
  readonly #exchange: Exchange;

  /** Throws E_IMAGE_REFUSED when the image has no room for the setup. */
  constructor(engine: Engine, image: Uint8Array, setup: NodeSetup) {
    this.firmware = Firmware.load(engine, image);
    bringIntoService(this.firmware, setup, this.firmware.kind, NOW);
    const channel = {
      layout: this.firmware.layout,
      request: (message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void => {
        const answer = this.firmware.manage(message, NOW);
        if (answer) onAnswer(answer);
      },
    };
    // Each answer comes before `request` returns, so no timer is needed.
    this.#exchange = new Exchange({ now: () => NOW, after: () => () => undefined }, channel);
  }

  get records(): Exchange["records"] {
    return this.#exchange.records;
  }

  /** Throws E_BENCH_REFUSED. */
  request(requests: readonly Request[]): readonly Answer[] {
    let outcome: Outcome | undefined;
    this.#exchange.run(requests, (result) => (outcome = result));
    if (outcome?.ok) return outcome.answers;
    const { text, mend } = refusalOf(outcome?.status ?? "NO_ANSWER", outcome?.detail ?? 0);
    throw new DobbsError("E_BENCH_REFUSED", `the image refused ${requests[0]?.type}: ${text}`, mend, 1);
  }

  /** Rows in the flow table. */
  rows(): number {
    const [answer] = this.request([{ type: "HELLO", payload: new Uint8Array(0) }]);
    return decodeHello(this.records, answer!.payload).flows;
  }
}

/** A client with one question, which it repeats until it is answered. */
import { US_PER_SECOND } from "../clock.ts";
import { type ClientContext, type ClientEnd, openEnd } from "../client-context.ts";
import type { ConnectionRecord } from "../ledger.ts";
import type { Datagram } from "../netstack.ts";
import { answers, encodeQuery, type Query } from "./message.ts";

const ASK_AGAIN_US = US_PER_SECOND;

export class QueryClient {
  readonly #context: ClientContext;
  readonly #record: ConnectionRecord;
  readonly #query: Query;
  readonly #end: ClientEnd;

  constructor(context: ClientContext, record: ConnectionRecord) {
    const { exchange } = record.plan.exchanges[0]!;
    this.#context = context;
    this.#record = record;
    this.#query = { id: context.random.between(0, 0xffff), length: exchange.length, seed: exchange.seed };
    this.#end = openEnd(context, record, record.plan.client, (datagram) => this.#receive(datagram));
    context.ledger.opened(record, this.#end.path.localPort);
    this.#ask();
  }

  #ask(): void {
    if (this.#record.outcome !== "opening") return;
    this.#end.socket.send(this.#end.path, encodeQuery(this.#query));
    this.#context.clock.after(ASK_AGAIN_US, () => this.#ask());
  }

  #receive({ data }: Datagram): void {
    const record = this.#record;
    if (answers(data, this.#query)) {
      record.outcome = "done";
      record.bytes = this.#query.length;
    } else {
      record.break("corrupt", this.#context.clock.now);
    }
    this.#end.socket.close();
  }
}

/** Takes the rows that a batch has made out of the flow table again, so that the next one makes them anew. */
import { type Flow, flowRequests } from "../management/commands.ts";
import type { Request } from "../management/envelope.ts";
import { BATCH } from "./batch.ts";
import { GENERATION, VIP } from "./appliance.ts";
import { clientAddress, clientPort } from "./flows.ts";
import type { BenchNode } from "./node.ts";
import { VIP_PORT } from "./segment.ts";

/** Index of the only local owner. */
const LOCAL_OWNER = 0;
const PROTOCOL_TCP = 6;

/** Where the rows of a request have their clients. */
interface Page {
  readonly view: DataView;
  readonly rows: number;
}

export class Eraser {
  readonly #node: BenchNode;
  readonly #requests: readonly Request[];
  readonly #pages: readonly Page[];
  readonly #first: number;
  readonly #stride: number;
  readonly #address: number;
  readonly #port: number;

  constructor(node: BenchNode) {
    const { records } = node;
    const row = records.layout.struct("FlowRow");
    const anyFlow: Flow = { client: "0.0.0.0", clientPort: 0, vip: VIP, vipPort: VIP_PORT, protocol: PROTOCOL_TCP, state: "provisional" };
    const scope = { generation: GENERATION, owner: LOCAL_OWNER, untouchedMs: 0 };
    this.#node = node;
    this.#requests = flowRequests(records, "REMOVE", scope, Array<Flow>(BATCH).fill(anyFlow));
    this.#first = records.size("FlowBatch");
    this.#stride = row.size;
    this.#address = row.field("client").offset;
    this.#port = row.field("clientPort").offset;
    this.#pages = this.#requests.map(({ payload }) => ({
      view: new DataView(payload.buffer, payload.byteOffset, payload.byteLength),
      rows: (payload.length - this.#first) / this.#stride,
    }));
  }

  /** The flows that `Batch.fill` puts into the slots for the same arguments. */
  erase(flows: Uint32Array, from: number): void {
    let index = from % flows.length;
    for (const { view, rows } of this.#pages) {
      for (let row = 0; row < rows; row++) {
        const flow = flows[index]!;
        const at = this.#first + row * this.#stride;
        view.setUint32(at + this.#address, clientAddress(flow));
        view.setUint16(at + this.#port, clientPort(flow));
        if (++index === flows.length) index = 0;
      }
    }
    this.#node.request(this.#requests);
  }
}

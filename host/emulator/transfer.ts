/** The two ends of one exchange's payload: who sends paces it, and both compare receipts. */
import type { VirtualClock } from "./clock.ts";
import { agree, type Exchange, Payload, RECEIPT_BYTES, Tally } from "./exchange.ts";
import type { Stream } from "./stream.ts";

/** `intact`: both receipts say the same. */
export type OnTransferred = (intact: boolean) => void;

/** Sends the payload and its receipt, and compares the answer. */
export function sendPayload(clock: VirtualClock, stream: Stream, exchange: Exchange, onDone: OnTransferred): void {
  const payload = new Payload(exchange);
  const step = (): void => {
    if (stream.isClosed) return;
    // A receiver or a path that is slower than the pace: the next piece waits.
    const piece = stream.isDrained ? payload.next() : undefined;
    if (piece === null) return finish();
    if (piece) stream.write(piece);
    clock.after(exchange.intervalUs, step);
  };
  const finish = (): void => {
    const mine = payload.receipt();
    stream.write(mine);
    stream.readWhole(RECEIPT_BYTES, (theirs) => onDone(agree(mine, theirs)));
  };
  step();
}

/** Takes the payload and the sender's receipt, compares, and answers with a receipt of what arrived. */
export function receivePayload(stream: Stream, exchange: Exchange, onDone: OnTransferred): void {
  const tally = new Tally();
  stream.read(exchange.length, (bytes) => tally.add(bytes), () => {
    stream.readWhole(RECEIPT_BYTES, (theirs) => {
      const mine = tally.receipt();
      stream.write(mine);
      onDone(agree(mine, theirs));
    });
  });
}

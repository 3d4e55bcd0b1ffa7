/** Commands that both images take: HELLO, COUNTERS. */
import { ABI_VERSION, RegionId } from "../abi";
import { Status } from "../messages";
import { buckets } from "../buckets";
import { DROPS, DROP_COUNTERS, EVENTS, EVENT_COUNTERS, RULES, RULE_COUNTERS, VERDICTS, VERDICT_COUNTERS } from "../counters";
import { CounterScan, Hello } from "../commands";
import { ANSWER_PAYLOAD, PAYLOAD, PAYLOAD_BYTES_MAX, answerWith, refuse, request } from "./envelope";

const SCAN: u32 = <u32>offsetof<CounterScan>();
const COUNTER: u32 = 8;

export function onHello(kind: u32, flows: u32): void {
  const hello = changetype<Hello>(ANSWER_PAYLOAD);
  hello.abi = ABI_VERSION;
  hello.kind = kind;
  hello.buckets = buckets();
  hello.flows = flows;
  answerWith(<u32>offsetof<Hello>());
}

export function onCounters(): void {
  if (request().length != SCAN) return refuse(Status.BAD_LENGTH, SCAN);
  const scan = changetype<CounterScan>(PAYLOAD);
  let from = VERDICT_COUNTERS;
  let total = VERDICTS;
  if (scan.region == RegionId.DROP_COUNTER) {
    from = DROP_COUNTERS;
    total = DROPS;
  } else if (scan.region == RegionId.EVENT_COUNTER) {
    from = EVENT_COUNTERS;
    total = EVENTS;
  } else if (scan.region == RegionId.RULE_COUNTER) {
    from = RULE_COUNTERS;
    total = RULES;
  } else if (scan.region != RegionId.VERDICT_COUNTER) {
    return refuse(Status.BAD_RECORD, scan.region);
  }
  if (scan.first >= total) return refuse(Status.BAD_RECORD, scan.first);
  const room = (PAYLOAD_BYTES_MAX - SCAN) / COUNTER;
  const left = total - scan.first;
  const count = left < room ? left : room;
  memory.copy(ANSWER_PAYLOAD, PAYLOAD, SCAN);
  memory.copy(ANSWER_PAYLOAD + SCAN, from + scan.first * COUNTER, count * COUNTER);
  answerWith(SCAN + count * COUNTER);
}

/** A blade under test: owners 1 and 2 are its own (local 0 and 1), 3 to 6 are other blades'. */
import { Egress } from "../../abi";
import { Message, Status, Table } from "../../messages";
import { generation } from "../../buckets";
import { manage, process } from "../../blade";
import { EGRESSES, slotAt } from "../../ring";
import { PAYLOAD } from "../../manage/envelope";
import { FlowBatch } from "../../commands";
import { CLIENT_MAC, VMAC, fromClient, fromOwner } from "./frames";
import { answer, assignment, bucketBatch, chunk, flowBatch, identity } from "./messages";

let now: u32 = 1000;

export function clock(): u32 {
  return now;
}

export function pass(ms: u32): void {
  now += ms;
}

/** Sends the message in the inbox; returns its `Status`. */
export function tell(bytes: u32): u32 {
  manage(bytes, now);
  return answer().status;
}

export function identify(flags: u32, cookiesSince: u32 = 0): void {
  assert(tell(chunk(Table.IDENTITY, 0, 1, 0, identity(flags, cookiesSince))) == Status.OK, "identity");
}

/** Puts an assignment of the next generation in force, the same history for every bucket. */
export function assign(p0: u32, p1: u32, p2: u32, p3: u32): void {
  const bytes = assignment(generation() + 1, p0, p1, p2, p3);
  assert(tell(chunk(Table.ASSIGNMENT, 0, 1, 0, bytes)) == Status.OK, "assignment");
}

/** Processes slot 0; returns its verdict. */
export function run(): u32 {
  process(0, 1, now);
  return slotAt(0).verdict;
}

export function dropReason(): u32 {
  return slotAt(0).drop;
}

export function egress(index: u32): Egress {
  return changetype<Egress>(EGRESSES + index * offsetof<Egress>());
}

/** Destination that egress `index` is sent with. */
export function sentTo(index: u32): u64 {
  const it = egress(index);
  return <u64>it.destination | (<u64>it.destinationHigh << 32);
}

/** Source that egress `index` is sent with. */
export function sentFrom(index: u32): u64 {
  const it = egress(index);
  return <u64>it.source | (<u64>it.sourceHigh << 16);
}

/** A client's segment, steered here by the switch. */
export function direct(address: u32, port: u32, flags: u32): u32 {
  fromClient(0, VMAC, CLIENT_MAC, address, port, flags);
  return run();
}

/** A client's segment, redirected here: `tag` as its source, an owner's MAC as its destination. */
export function redirected(tag: u64, owner: u64, address: u32, port: u32, flags: u32): u32 {
  fromClient(0, owner, tag, address, port, flags);
  return run();
}

/** A segment of an owner's host (owner n is behind port n). */
export function reply(number: u32, address: u32, port: u32, flags: u32): u32 {
  fromOwner(0, number, number, address, port, flags);
  return run();
}

/** Says that the host of local owner `local` has a connection. */
export function seed(local: u32, address: u32, port: u32, state: u32): u32 {
  return tell(flowBatch(Message.SEED, generation(), local, address, port, state));
}

/** A command on one bucket, under the generation in force. */
export function command(type: u32, local: u32, bucket: u32): u32 {
  return tell(bucketBatch(type, generation(), local, bucket));
}

/** Sets `untouchedMs` of the flow batch in the inbox. */
export function setUntouched(ms: u32): void {
  store<u32>(PAYLOAD, ms, offsetof<FlowBatch>("untouchedMs"));
}

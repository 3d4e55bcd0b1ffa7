/** The blade image's management messages. */
import { ImageKind } from "../abi";
import { Message, Status, Table } from "../messages";
import { begin } from "../cookies";
import { flows, sweep } from "../flows";
import { clearFragments } from "../fragments";
import { commitAssignment } from "../manage/assignment";
import { onBucketBatch, onBucketScan } from "../manage/buckets";
import { commitCid, onUses } from "../manage/cid";
import { onCounters, onHello } from "../manage/common";
import { finish, open, refuse, repeated, request } from "../manage/envelope";
import { onFlowBatch, onList } from "../manage/flows";
import { onHandover, onHandoverEmpty } from "../manage/handover";
import { commitIdentity } from "../manage/identity";
import { commitFilters, commitForwards } from "../manage/lists";
import { commitServices } from "../manage/services";
import { closeStage, takeChunk } from "../manage/stage";
import { clearParked } from "../parking";

/** Handles the message in the inbox; returns the bytes of the answer in the outbox. */
export function onMessage(bytes: u32, now: u32): u32 {
  const again = repeated(bytes);
  if (again) return again;
  if (open(bytes)) dispatch(request().type, now);
  return finish();
}

function dispatch(type: u32, now: u32): void {
  if (type == Message.PUT) return put(now);
  if (type == Message.SEED || type == Message.REMOVE || type == Message.LOCATE) onFlowBatch(type, now);
  else if (type == Message.LIST) onList(now);
  else if (
    type == Message.PIN ||
    type == Message.UNPIN ||
    type == Message.COMPLETE ||
    type == Message.SEAL ||
    type == Message.UNSEAL
  ) {
    onBucketBatch(type, now);
  } else if (type == Message.BUCKETS) onBucketScan(now);
  else if (type == Message.HANDOVER) onHandover();
  else if (type == Message.HANDOVER_EMPTY) onHandoverEmpty();
  else if (type == Message.COUNTERS) onCounters();
  else if (type == Message.USES) onUses(now);
  else if (type == Message.HELLO) onHello(ImageKind.BLADE, flows());
  else refuse(Status.UNKNOWN_MESSAGE, type);
}

function put(now: u32): void {
  const table = takeChunk();
  if (table == Table.NONE) return;
  if (table == Table.IDENTITY) identify(now);
  else if (table == Table.ASSIGNMENT) install(now);
  else if (table == Table.FILTER) commitFilters();
  else if (table == Table.FORWARD) commitForwards();
  else if (table == Table.SERVICE) commitServices();
  else if (table == Table.CID) commitCid();
  else refuse(table == Table.ROLE ? Status.WRONG_IMAGE : Status.UNKNOWN_TABLE, table);
  closeStage();
  sweep();
}

function install(now: u32): void {
  if (commitAssignment()) begin(now);
}

/** What is remembered of fragments names virtual IPs, owners and ports. */
function identify(now: u32): void {
  if (!commitIdentity(now)) return;
  clearFragments();
  clearParked();
}

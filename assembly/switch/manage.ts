/** The switch image's management messages. */
import { ImageKind } from "../abi";
import { Message, Status, Table } from "../messages";
import { macOfOwner, ownerAt, owners } from "../buckets";
import { FORWARDS, forwardCount } from "../forward";
import { commitAssignment } from "../manage/assignment";
import { onCounters, onHello } from "../manage/common";
import { finish, open, refuse, repeated, request } from "../manage/envelope";
import { commitIdentity } from "../manage/identity";
import { commitFilters, commitForwards } from "../manage/lists";
import { commitRole } from "../manage/role";
import { closeStage, takeChunk } from "../manage/stage";
import { ForwardEntry } from "../records";
import { FORWARDS_MAX, OWNERS_MAX } from "../sizes";
import { clearStatic, enterStatic } from "./stations";

/** Handles the message in the inbox; returns the bytes of the answer in the outbox. */
export function onMessage(bytes: u32): u32 {
  const again = repeated(bytes);
  if (again) return again;
  if (open(bytes)) dispatch(request().type);
  return finish();
}

function dispatch(type: u32): void {
  if (type == Message.PUT) put();
  else if (type == Message.COUNTERS) onCounters();
  else if (type == Message.HELLO) onHello(ImageKind.SWITCH, 0);
  else if (isBladeMessage(type)) refuse(Status.WRONG_IMAGE, type);
  else refuse(Status.UNKNOWN_MESSAGE, type);
}

function isBladeMessage(type: u32): bool {
  return (
    type == Message.SEED ||
    type == Message.REMOVE ||
    type == Message.LOCATE ||
    type == Message.LIST ||
    type == Message.PIN ||
    type == Message.UNPIN ||
    type == Message.COMPLETE ||
    type == Message.SEAL ||
    type == Message.UNSEAL ||
    type == Message.BUCKETS ||
    type == Message.USES ||
    type == Message.HANDOVER ||
    type == Message.HANDOVER_EMPTY
  );
}

function put(): void {
  const table = takeChunk();
  if (table == Table.NONE) return;
  if (table == Table.IDENTITY) commitIdentity(0);
  else if (table == Table.ASSIGNMENT) {
    if (commitAssignment()) enterStations();
  } else if (table == Table.FORWARD) {
    if (commitForwards()) enterStations();
  } else if (table == Table.FILTER) commitFilters();
  else if (table == Table.ROLE) commitRole();
  else refuse(table == Table.SERVICE ? Status.WRONG_IMAGE : Status.UNKNOWN_TABLE, table);
  closeStage();
}

/** Owners and FORWARD entries are static stations. */
function enterStations(): void {
  clearStatic();
  for (let i: u32 = 0; i < OWNERS_MAX; i++) {
    if (i >= owners()) break;
    const mac = macOfOwner(i);
    if (mac != 0) enterStatic(mac, ownerAt(i).port);
  }
  for (let i: u32 = 0; i < FORWARDS_MAX; i++) {
    if (i >= forwardCount()) break;
    const entry = changetype<ForwardEntry>(FORWARDS + i * offsetof<ForwardEntry>());
    enterStatic(<u64>entry.mac | (<u64>entry.macHigh << 32), entry.port);
  }
}

/**
 * PUT: the chunks of a table are put together in a stage of their own; what is in force does not change until the last
 * chunk has come and the whole table was found right.
 */
import { EnvelopeFlag, Retain, Status, Table } from "../messages";
import { STAGE_BYTES } from "../sizes";
import { PAYLOAD, isAccepted, refuse, request, retain } from "./envelope";

export const STAGE: usize = memory.data(STAGE_BYTES, 64);

let stagedTable: u32 = 0;
let stagedBytes: u32 = 0;
let nextChunk: u32 = 0;
let chunkCount: u32 = 0;

/** Bytes of the table in the stage. */
export function staged(): u32 {
  return stagedBytes;
}

function discard(): void {
  stagedTable = Table.NONE;
  stagedBytes = 0;
  nextChunk = 0;
}

/** Takes a chunk into the stage. Returns the table to commit, or NONE. */
export function takeChunk(): u32 {
  const envelope = request();
  if (envelope.table == Table.NONE) {
    refuse(Status.UNKNOWN_TABLE, Table.NONE);
    return refusedChunk();
  }
  const first = envelope.chunk == 0;
  if (first) {
    discard();
    stagedTable = envelope.table;
    chunkCount = envelope.chunks;
  }
  const last = envelope.chunk + 1 == chunkCount;
  const commits = (envelope.flags & EnvelopeFlag.COMMIT) != 0;
  if (
    stagedTable != envelope.table ||
    envelope.chunk != nextChunk ||
    envelope.chunks != chunkCount ||
    chunkCount == 0 ||
    commits != last
  ) {
    refuse(Status.BAD_CHUNK, nextChunk);
    return refusedChunk();
  }
  if (stagedBytes + envelope.length > STAGE_BYTES) {
    refuse(Status.TABLE_TOO_LARGE, STAGE_BYTES);
    return refusedChunk();
  }
  memory.copy(STAGE + stagedBytes, PAYLOAD, envelope.length);
  stagedBytes += envelope.length;
  nextChunk++;
  retain((first ? Retain.BEGIN : 0) | Retain.HOLD, envelope.table);
  return last ? stagedTable : Table.NONE;
}

function refusedChunk(): u32 {
  discard();
  retain(Retain.BEGIN, 0);
  return Table.NONE;
}

/** After the commit of the staged table was tried: it is in force, or it is gone. */
export function closeStage(): void {
  const first = request().chunk == 0;
  if (isAccepted()) retain((first ? Retain.BEGIN : 0) | Retain.HOLD | Retain.CLOSE, request().table);
  else retain(Retain.BEGIN, 0);
  discard();
}

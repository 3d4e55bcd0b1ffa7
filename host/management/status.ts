/** What a node's refusals mean, for people. */

/** Why a request was not carried out. */
export interface Refusal {
  /** Name of the `Status`, or NO_ANSWER. */
  readonly status: string;
  /** The number that goes with it; see `Status` in `assembly/messages.ts`. */
  readonly detail: number;
  /** One sentence: what is wrong. */
  readonly text: string;
  /** One sentence: what to do about it. */
  readonly mend: string;
}

/** Not a `Status`: the node did not answer in time, and may or may not have done what it was asked. */
export const NO_ANSWER = "NO_ANSWER";

const OTHER_VERSION = "Bring the node's firmware and this program to the same release.";
const DAMAGED = "Look for what damages messages on the management channel.";
const SMALLER = "Make the table smaller, or build the image for a board with more room.";
const RETRY = "Read the node's state and try again.";

const EXPLANATIONS: Readonly<Record<string, readonly [text: (detail: number) => string, mend: string]>> = {
  [NO_ANSWER]: [() => "The node does not answer.", "Check that its shim runs and that the management channel is up."],
  BAD_LENGTH: [(bytes) => `The message is cut off at ${bytes} bytes.`, DAMAGED],
  BAD_MAGIC: [() => "The message does not begin as a management message does.", DAMAGED],
  BAD_VERSION: [(version) => `The image speaks version ${version} of the management protocol.`, OTHER_VERSION],
  UNKNOWN_MESSAGE: [(type) => `The image knows no message of type ${type}.`, OTHER_VERSION],
  STALE_SEQUENCE: [
    (last) => `The image has already taken message ${last}.`,
    "Say HELLO and go on from its last sequence.",
  ],
  BAD_CHUNK: [
    (chunk) => `The image expected chunk ${chunk} of the table, or part ${chunk} of the handover list.`,
    "Send it again from its beginning.",
  ],
  UNKNOWN_TABLE: [(table) => `The image knows no table ${table}.`, OTHER_VERSION],
  TABLE_TOO_LARGE: [(bytes) => `The table is larger than the ${bytes} bytes that the image has room for.`, SMALLER],
  BAD_TABLE: [(bytes) => `The table's length is not the ${bytes} bytes that its header says.`, OTHER_VERSION],
  BAD_RECORD: [(index) => `Record ${index} is out of range.`, "Correct that record."],
  TOO_MANY_RECORDS: [(room) => `The image has room for ${room} such records.`, SMALLER],
  BAD_BUCKET_COUNT: [(most) => `The number of buckets is no power of two from 1 to ${most}.`, "Choose one that is."],
  STALE_GENERATION: [
    (generation) => `Generation ${generation} is in force, and the one offered is not newer.`,
    "Offer a newer one.",
  ],
  WRONG_GENERATION: [(generation) => `Generation ${generation} is in force, and the message speaks of another.`, RETRY],
  BAD_OWNER: [(owners) => `The node has ${owners} owners, and the one named is not among them.`, "Name one of them."],
  BAD_BUCKET: [(bucket) => `There is no bucket ${bucket}.`, "Name a bucket of the assignment in force."],
  BAD_BUCKET_STATE: [(bucket) => `Bucket ${bucket} is not in the state that this needs.`, RETRY],
  BUCKET_NOT_EMPTY: [(rows) => `The bucket still has ${rows} connections.`, "Wait until they have closed."],
  OUT_OF_ROOM: [
    (put) => `The flow table has no room: only ${put} of the connections were put.`,
    "Move fewer buckets at a time, or build the image for a board with a larger flow table.",
  ],
  WRONG_IMAGE: [() => "The message is for the other kind of node.", "Send it to a blade or a switch, as it says."],
  NOT_READY: [() => "The node has no identity or no assignment yet.", "Put its identity, then an assignment."],
  NOT_A_REQUEST: [() => "The message has an answer's fields set.", DAMAGED],
  NOT_IN_SERVICE: [
    () => "The hash, its seed or the number of buckets cannot change while an assignment is in force.",
    "Restart the node to change them.",
  ],
  COOKIES_LOST: [
    (bucket) => `A host may have sent a SYN cookie in bucket ${bucket} that the flow table does not tell of.`,
    "Wait until it has run out: two minutes.",
  ],
  LIST_TOO_LONG: [
    (put) => `There is no room for the handover list: ${put} rows of this part were put, and it is not held.`,
    "Build the image for a board with more room for handover lists; until then, new connections take the way round.",
  ],
};

export function refusalOf(status: string, detail: number): Refusal {
  const explanation = EXPLANATIONS[status];
  if (!explanation) return { status, detail, text: `The node refused: ${status} (${detail}).`, mend: OTHER_VERSION };
  return { status, detail, text: explanation[0](detail), mend: explanation[1] };
}

/** Names that have an explanation; a test holds them against the image's. */
export const EXPLAINED = Object.keys(EXPLANATIONS);

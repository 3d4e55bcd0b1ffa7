/** Redirect tags in frames' source MACs (docs/protocol.md), for traces, and for those who forge them. */

const SOURCE = 6;
const PREFIX = 0xd2b0;
const KIND_MASK = 0x07;

export interface RedirectTag {
  /** `RedirectKind`; 0 and 7 are in no tag that a blade makes. */
  readonly kind: number;
  /** Owner number. */
  readonly sender: number;
  /** Its low 16 bits. */
  readonly generation: number;
}

/** The number of kinds that a tag has room for. */
export const TAG_KINDS = KIND_MASK + 1;

/** Null: the frame has none. */
export function readTag(frame: Uint8Array): RedirectTag | null {
  const view = viewOf(frame);
  const head = view.getUint16(SOURCE);
  if ((head & ~KIND_MASK) !== PREFIX) return null;
  return { kind: head & KIND_MASK, sender: view.getUint16(SOURCE + 2), generation: view.getUint16(SOURCE + 4) };
}

/** Puts a tag in the place of the frame's source. */
export function writeTag(frame: Uint8Array, { kind, sender, generation }: RedirectTag): void {
  const view = viewOf(frame);
  view.setUint16(SOURCE, PREFIX | kind);
  view.setUint16(SOURCE + 2, sender);
  view.setUint16(SOURCE + 4, generation);
}

function viewOf(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}

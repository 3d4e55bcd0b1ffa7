/** One connection: frames in, frames out, bounded in both directions. The stream under it is connected and, where it is
 *  TLS, authenticated; see `connect.ts` and `listen.ts`. */
import type { Socket } from "node:net";
import type { DobbsError } from "../errors.ts";
import { Deadline } from "./deadline.ts";
import { decodeError, encodeError } from "./error-frame.ts";
import { encodeFrame, FRAME_KIND, type Frame, FrameReader, type FrameLimits } from "./frame.ts";
import { linkError } from "./link-error.ts";
import type { LinkPeer } from "./peer.ts";

/** ERROR (`FRAME_KIND.ERROR`) is taken only where `kinds` has it. */
export interface LinkLimits extends FrameLimits {
  /** A frame that has begun ends within so much. Default 5,000. */
  readonly frameMs?: number;
  /** The link is closed when no frame came for so long. Default: it never is. */
  readonly silentMs?: number;
  /** A link that has this many bytes to send yet, and is given more, is closed. Default 4 MiB. */
  readonly maxQueued?: number;
}

export interface Link {
  /** Null on a Unix socket: who may open it is the other end. */
  readonly peer: LinkPeer | null;
  readonly isOpen: boolean;
  /** False: too much is queued, and the link is being closed; or it was closed before. */
  send(kind: number, payload: Uint8Array): boolean;
  /** With an error: tells it to the other end first. No frame is taken after this. */
  close(error?: DobbsError): void;
  /** A frame that passed every check. A payload that is not what its kind needs: `close(linkError("E_LINK_PAYLOAD"))`. */
  onFrame: (frame: Frame) => void;
  /** Once, after the last frame, and never out of `send` or `close`. Null: this end has closed it, without an error.
   *  What the other end has refused with, if it said so. */
  onClose: (reason: DobbsError | null) => void;
}

export const FRAME_MS = 5_000;
const QUEUED_BYTES_MAX = 4 * 1024 * 1024;
/** For the other end to read why it was refused. */
const LINGER_MS = 1_000;

export class StreamLink implements Link {
  readonly peer: LinkPeer | null;
  onFrame: (frame: Frame) => void = () => undefined;
  onClose: (reason: DobbsError | null) => void = () => undefined;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #frameMs: number;
  readonly #maxQueued: number;
  readonly #silence: Deadline | null;
  /** Of the frame that has begun. */
  #frameEnd: Deadline | null = null;
  /** `reader.count` when that began. */
  #timed = 0;
  #sent = 0;
  #open = true;
  /** The last frame was an ERROR: if the other end closes now, then because of that. */
  #refused: DobbsError | null = null;

  constructor(socket: Socket, peer: LinkPeer | null, limits: LinkLimits) {
    this.peer = peer;
    this.#socket = socket;
    this.#reader = new FrameReader(limits);
    this.#frameMs = limits.frameMs ?? FRAME_MS;
    this.#maxQueued = limits.maxQueued ?? QUEUED_BYTES_MAX;
    const { silentMs } = limits;
    this.#silence = silentMs === undefined ? null : new Deadline(silentMs, () => this.#silent(silentMs));
    socket.setNoDelay?.(true);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#end(this.#refused ?? streamError(error)));
    socket.on("end", () => this.#end(this.#refused ?? this.#ended()));
    socket.on("close", () => this.#end(this.#refused ?? this.#ended()));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(kind: number, payload: Uint8Array): boolean {
    if (!this.#open) return false;
    const queued = this.#socket.writableLength;
    if (queued > this.#maxQueued) {
      this.#end(linkError("E_LINK_SLOW", `the other end has left ${queued} bytes unread`), { tell: false });
      return false;
    }
    this.#write(kind, payload);
    return true;
  }

  close(error?: DobbsError): void {
    this.#end(error ?? null, { tell: error !== undefined });
  }

  #take(chunk: Uint8Array): void {
    if (!this.#open) return;
    const refusal = this.#reader.feed(chunk, (frame) => this.#deliver(frame));
    if (refusal) return this.#end(refusal, { tell: true });
    this.#watchFrame();
  }

  #deliver(frame: Frame): boolean {
    this.#silence?.renew();
    this.#refused = null;
    if (frame.kind === FRAME_KIND.ERROR) {
      this.#refused = decodeError(frame.payload);
      if (!this.#refused) {
        this.#end(linkError("E_LINK_PAYLOAD", "an ERROR frame has no code, message and mend"), { tell: true });
        return false;
      }
    }
    this.onFrame(frame);
    return this.#open;
  }

  /** Each frame has its own time, however its bytes trickle in. */
  #watchFrame(): void {
    const { begun, count } = this.#reader;
    if (!this.#open || (this.#frameEnd && begun && this.#timed === count)) return;
    this.#frameEnd?.cancel();
    this.#timed = count;
    this.#frameEnd = begun ? new Deadline(this.#frameMs, () => this.#late()) : null;
  }

  #late(): void {
    this.#end(linkError("E_LINK_TIMEOUT", `a frame has begun and did not end within ${this.#frameMs} ms`), { tell: true });
  }

  #silent(ms: number): void {
    this.#end(linkError("E_LINK_TIMEOUT", `nothing came for ${ms} ms`), { tell: true });
  }

  #ended(): DobbsError {
    return linkError("E_LINK_CLOSED", this.#reader.begun ? "the other end is gone in the middle of a frame" : "the other end has closed the link");
  }

  #write(kind: number, payload: Uint8Array): void {
    this.#sent = (this.#sent + 1) >>> 0;
    this.#socket.write(encodeFrame(kind, this.#sent, payload));
  }

  #end(reason: DobbsError | null, { tell }: { tell: boolean } = { tell: false }): void {
    if (!this.#open) return;
    this.#open = false;
    this.#frameEnd?.cancel();
    this.#silence?.cancel();
    if (reason?.code === "E_LINK_SLOW") {
      this.#socket.destroy();
    } else {
      if (tell && reason) this.#write(FRAME_KIND.ERROR, encodeError(reason));
      finish(this.#socket);
    }
    process.nextTick(() => this.onClose(reason));
  }
}

/** Sends what is queued, and reads on without looking: unread bytes would turn the close into a reset, which can
 *  overtake what was sent. But not for long. */
function finish(socket: Socket): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
  socket.resume();
  socket.end();
}

/** What a stream's own error means here. */
export function streamError(error: NodeJS.ErrnoException): DobbsError {
  if (error.code?.startsWith("ERR_SSL") || error.code === "EPROTO") {
    return linkError("E_LINK_TLS", `the other end refused: ${error.message}`);
  }
  return linkError("E_LINK_CLOSED", `the connection broke: ${error.message}`);
}

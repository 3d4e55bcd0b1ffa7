/** One question to a shim, or one flash, over a link of its own. */
import { DobbsError } from "../errors.ts";
import { connectLink } from "../transport/connect.ts";
import type { Credentials } from "../transport/credentials.ts";
import { FRAME_KIND } from "../transport/frame.ts";
import { linkError } from "../transport/link-error.ts";
import type { Link } from "../transport/link.ts";
import { linkWordText, type LinkWord } from "../transport/word.ts";
import { decodeFlashProgress, decodeFlashResult, decodeImage, decodeStatus, type FlashResult, type ShimImage, type ShimStatus } from "./answers.ts";
import { ANSWER_BYTES_MAX, SHIM_KINDS, ShimRequests } from "./shim-requests.ts";

export type ShimAnswer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: DobbsError };

export type OnShimResult<T> = (answer: ShimAnswer<T>) => void;

/** Where a shim listens, and what to show it. */
export interface ShimAddress {
  readonly word: LinkWord;
  readonly credentials: Credentials | null;
}

export interface FlashOptions {
  /** After each part that the shim has taken. */
  readonly onProgress?: (sent: number, total: number) => void;
}

/** Bytes of a bundle in one frame. */
export const FLASH_PART_BYTES = 64 * 1024;
const FLASH_HEADER_BYTES = 8;
const ANSWER_MS = 10_000;
/** The last part: the shim compiles the image first. */
const COMPILE_MS = 120_000;
const NOTHING = new Uint8Array(0);

/** Counters, ports and firmware. Throws E_TLS_MISSING. */
export function shimStatus(address: ShimAddress, onResult: OnShimResult<ShimStatus>): void {
  askOnce(address, FRAME_KIND.STATUS, decodeStatus, onResult);
}

/** The image that runs, with its layout. Throws E_TLS_MISSING. */
export function shimImage(address: ShimAddress, onResult: OnShimResult<ShimImage>): void {
  askOnce(address, FRAME_KIND.IMAGE, decodeImage, onResult);
}

/** Sends a bundle; the shim checks, compiles and runs it, or refuses and runs on with the one that it has. Throws
 *  E_TLS_MISSING. */
export function flashShim(address: ShimAddress, bundle: Uint8Array, { onProgress }: FlashOptions, onResult: OnShimResult<FlashResult>): void {
  converse<FlashResult>(address, onResult, (ask, finish) => {
    const part = (offset: number): void => {
      const bytes = bundle.subarray(offset, offset + FLASH_PART_BYTES);
      const end = offset + bytes.length;
      const last = end === bundle.length;
      ask(FRAME_KIND.FLASH, flashPart(offset, bundle.length, bytes), last ? COMPILE_MS : ANSWER_MS, (answer) => {
        const { received } = decodeFlashProgress(answer);
        if (received !== end) throw linkError("E_LINK_PAYLOAD", `the shim has ${received} bytes of the bundle, and was sent ${end}`);
        onProgress?.(end, bundle.length);
        if (last) finish(decodeFlashResult(answer));
        else part(end);
      });
    };
    part(0);
  });
}

function flashPart(offset: number, total: number, bytes: Uint8Array): Uint8Array {
  const payload = Buffer.alloc(FLASH_HEADER_BYTES + bytes.length);
  payload.writeUInt32LE(offset, 0);
  payload.writeUInt32LE(total, 4);
  payload.set(bytes, FLASH_HEADER_BYTES);
  return payload;
}

function askOnce<T>(address: ShimAddress, kind: number, decode: (payload: Uint8Array) => T, onResult: OnShimResult<T>): void {
  converse<T>(address, onResult, (ask, finish) => ask(kind, NOTHING, ANSWER_MS, (answer) => finish(decode(answer))));
}

/** `onAnswer` may throw a DobbsError: that is then the result. */
type Ask = (kind: number, payload: Uint8Array, answerMs: number, onAnswer: (answer: Uint8Array) => void) => void;

/** Calls `onResult` once: with what `run` finishes with, or with the first thing that went wrong. */
function converse<T>({ word, credentials }: ShimAddress, onResult: OnShimResult<T>, run: (ask: Ask, finish: (value: T) => void) => void): void {
  let link: Link | null = null;
  let requests: ShimRequests | null = null;
  let open = true;
  const end = (answer: ShimAnswer<T>): void => {
    if (!open) return;
    open = false;
    requests?.end();
    link?.close();
    onResult(answer);
  };
  const fail = (problem: DobbsError): void => end({ ok: false, problem });
  const ask: Ask = (kind, payload, answerMs, onAnswer) => {
    const asked = requests!.ask(kind, payload, (answer) => {
      if (answer instanceof DobbsError) return fail(answer);
      try {
        onAnswer(answer);
      } catch (error) {
        if (!(error instanceof DobbsError)) throw error;
        fail(error);
      }
    }, answerMs);
    if (!asked) fail(linkError("E_LINK_CLOSED", `${linkWordText(word)} has closed the link`));
  };
  connectLink(word, credentials, {
    serverRole: "shim",
    kinds: SHIM_KINDS,
    maxPayload: ANSWER_BYTES_MAX,
    onFail: fail,
    onOpen: (opened) => {
      link = opened;
      requests = new ShimRequests(opened, ANSWER_MS);
      opened.onFrame = (frame) => requests!.take(frame);
      opened.onClose = (reason) => fail(reason ?? linkError("E_LINK_CLOSED", `${linkWordText(word)} has closed the link`));
      run(ask, (value) => end({ ok: true, value }));
    },
  });
}

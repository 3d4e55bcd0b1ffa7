/**
 * SYN cookies: a host that sends them keeps nothing of a connection that it has answered, until the client's next segment comes. So
 * long the row that its SYN+ACK has taught is all that tells whose the connection is: it is not evicted, and where it was lost all the
 * same, for want of room or because the image was started anew, no table is complete before the cookie has run out.
 */
import { State } from "./buckets";
import { sendsCookies } from "./identity";

/** Linux takes a cookie of this minute or of the one before: two periods of 64 s (`net/ipv4/syncookies.c`). */
export const COOKIE_MS: u32 = 128000;

/** `Identity.cookiesSince`: any may be out. */
const SINCE_EVER: u32 = 255;
const SECOND_MS: u32 = 1000;

/** When the first assignment came into force: of what hosts sent before, no row tells. */
let begun: u32 = 0;
let hasBegun = false;
/** Cookies may be out that were sent before that. */
let beganAmid = false;

/** An assignment has come into force. */
export function begin(now: u32): void {
  if (hasBegun) return;
  hasBegun = true;
  begun = now;
}

/** What the identity says. An image that has not begun, and is told of cookies, has seen none of them. */
export function setCookies(areOut: bool, since: u32, now: u32): void {
  beganAmid = areOut && (!hasBegun || since == SINCE_EVER || since * SECOND_MS > now - begun);
}

/** Whether a half-open row that was touched at `touched` may stand for a cookie. */
// @ts-ignore: decorator
@inline
export function isCookieOut(touched: u32, now: u32): bool {
  return now - touched < COOKIE_MS;
}

/** A half-open flow has no row (any more). */
export function loseCookie(state: State, now: u32): void {
  state.lost = now == 0 ? 1 : now;
}

/** Whether a cookie may be out of which no row tells. */
export function hasLostCookies(state: State, now: u32): bool {
  if (!sendsCookies()) return false;
  return (beganAmid && isCookieOut(begun, now)) || (state.lost != 0 && isCookieOut(state.lost, now));
}

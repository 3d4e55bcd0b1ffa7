/** What is open, so that it is closed whether a test passes or fails: `after(closeAll)` in a test or a suite. (What
 *  `before` calls cannot call `after` by itself: it would run when `before` ends.) */

const open: (() => unknown)[] = [];

export function atEnd(close: () => unknown): void {
  open.push(close);
}

/** The last one first. */
export async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

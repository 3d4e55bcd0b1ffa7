/** Steps that are done one after the other, until one has a problem. */

/** `problem`: null, or one sentence that says why not. */
export type OnDone = (problem: string | null) => void;

export type Step = (onDone: OnDone) => void;

export function inOrder(steps: readonly Step[], onDone: OnDone): void {
  const [step, ...rest] = steps;
  if (!step) return onDone(null);
  step((problem) => (problem === null ? inOrder(rest, onDone) : onDone(problem)));
}

/** Stopping when the system or a person asks for it. */

const SIGNALS = { SIGTERM: 15, SIGINT: 2 } as const;
export type StopSignal = keyof typeof SIGNALS;

/** Calls `stop` at the first SIGTERM or SIGINT. The second one ends the process there and then, with the exit status that
 *  a shell gives such an end. Returns a function that lets the signals be as they were. */
export function stopOnSignals(stop: (signal: StopSignal) => void): () => void {
  let stopping = false;
  const handlers = (Object.keys(SIGNALS) as StopSignal[]).map((signal) => {
    const handle = (): void => {
      if (stopping) process.exit(128 + SIGNALS[signal]);
      stopping = true;
      stop(signal);
    };
    process.on(signal, handle);
    return () => void process.off(signal, handle);
  });
  return () => handlers.forEach((remove) => remove());
}

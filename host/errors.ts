/** An error that a user can cause: a stable code, what is wrong with which thing, and how to mend it. */
export class DobbsError extends Error {
  override readonly name = "DobbsError";
  /** Stable, e.g. `E_CAPTURE_CUT_OFF`. */
  readonly code: string;
  /** What to do about it, as an imperative sentence. */
  readonly mend: string;
  /** 1: the thing asked for failed; 2: usage or bad input. */
  readonly exitStatus: 1 | 2;

  /** `message` says what is wrong, naming the thing. */
  constructor(code: string, message: string, mend: string, exitStatus: 1 | 2 = 2) {
    super(message);
    this.code = code;
    this.mend = mend;
    this.exitStatus = exitStatus;
  }
}

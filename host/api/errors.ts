/** Coded errors on their way through HTTP: the status that says the same, and back. */
import { DobbsError } from "../errors.ts";

export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly mend: string };
}

/** Of the API's own refusals. All others: see `statusOf`. */
const STATUSES: Readonly<Record<string, number>> = {
  E_API_HTTP: 400,
  E_API_HOST: 400,
  E_API_JSON: 400,
  E_API_BODY: 400,
  E_API_QUERY: 400,
  E_API_TOKEN: 401,
  E_API_PATH: 404,
  E_API_METHOD: 405,
  E_API_SLOW: 408,
  E_API_SIZE: 413,
  E_API_TYPE: 415,
  E_API_HEADERS: 431,
  E_INTERNAL: 500,
  E_API_BUSY: 503,
  E_API_STOPPING: 503,
  E_BLADE_ABSENT: 503,
  E_NO_BLADE_HEARD: 503,
  E_PREPARE_OVERDUE: 503,
  E_STATE_WRITE: 503,
  E_WEIGHT: 400,
  // What names, addresses and ports in a request cannot be, whatever the appliance is at.
  E_APPLIANCE_REFERENCE: 400,
  E_APPLIANCE_NAME: 400,
  E_APPLIANCE_ADDRESS: 400,
  E_APPLIANCE_PORT: 400,
};
const NOT_FOUND = /^E_\w+_UNKNOWN$/;
const CONFLICT = 409;

/** The HTTP status of a refusal. What the appliance cannot do as it is now is a conflict. */
export function statusOf(code: string): number {
  return STATUSES[code] ?? (NOT_FOUND.test(code) ? 404 : CONFLICT);
}

export function errorBody({ code, message, mend }: DobbsError): ErrorBody {
  return { error: { code, message, mend } };
}

/** What a client makes of a refusal: asking wrongly is 2, an appliance that cannot is 1. */
export function errorOf(status: number, { error: { code, message, mend } }: ErrorBody): DobbsError {
  return new DobbsError(code, message, mend, status === CONFLICT || status >= 500 ? 1 : 2);
}

/** A fault of ours, with nothing of the inside in it: that is for the log. */
export function internalError(): DobbsError {
  return new DobbsError(
    "E_INTERNAL",
    "the appliance manager has a fault",
    "Look at its log, and report what it says there: it is a fault in Dobbs.",
    1,
  );
}

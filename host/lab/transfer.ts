/** One session of curl: a paced download or upload. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { familyOf } from "../model/address.ts";
import { inBrackets } from "./addresses.ts";
import type { ClientsPlan } from "./client-messages.ts";
import { BLADE_HEADER } from "./servers.ts";
import type { PlannedSession, SessionOutcome, SessionResult } from "./sessions.ts";

/** What has not ended by then never will. */
const SECONDS_MAX = 120;
/** After this many seconds of silence the client asks whether the connection is still there. */
const PROBE_SECONDS = 4;
/** Behind what curl itself says on stderr. */
const FORMAT = `%{stderr}\\n%{local_port} %{time_connect} %{time_total} %{http_code} %header{${BLADE_HEADER}}`;

/** `onConnected` is called with the first byte of a download. The child is to be ended with this process. */
export function transfer(
  plan: ClientsPlan,
  session: PlannedSession,
  onConnected: () => void,
  onEnd: (result: SessionResult) => void,
): ChildProcess {
  const child = spawn("curl", curlArguments(plan, session), { stdio: ["ignore", "pipe", "pipe"] });
  const hash = createHash("sha256");
  let stderr = "";
  child.stdout.once("data", onConnected);
  child.stdout.on("data", (bytes: Buffer) => hash.update(bytes));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  child.on("error", (error) => void (stderr += `${error.message}\n`));
  child.on("close", (status) => {
    const endedAt = Date.now();
    const lines = stderr.trimEnd().split("\n");
    const [port = "0", connect = "0", total = "0", code = "", blade = ""] = (lines.at(-1) ?? "").split(" ");
    const isRight = code.startsWith("2") && (session.kind === "upload" || hash.digest("hex") === plan.hashes[session.file]);
    const outcome = outcomeOf(status, isRight);
    onEnd({
      id: session.id,
      outcome,
      detail: outcome === "ok" ? "" : lines.slice(0, -1).join(" ").trim() || `curl exits ${status}, HTTP ${code}`,
      clientPort: Number(port),
      connectedAt: Number(connect) > 0 ? endedAt - (Number(total) - Number(connect)) * 1_000 : null,
      endedAt,
      blade: blade === "" ? null : blade,
    });
  });
  return child;
}

function curlArguments(plan: ClientsPlan, { kind, client, file, id }: PlannedSession): string[] {
  const url = (path: string): string => `http://${inBrackets(plan.vips[familyOf(client)])}:${plan.port}${path}`;
  const common = ["-q", "-sS", "--interface", client, "-m", String(SECONDS_MAX), "--keepalive-time", String(PROBE_SECONDS), "-w", FORMAT];
  const pace = ["--limit-rate", String(plan.pace)];
  if (kind === "upload") return [...common, ...pace, "-H", "Expect:", "-T", `${plan.files}/${file}`, url(`/uploads/${id}`)];
  return plan.serverPaces ? [...common, url(`/paced/${file}`)] : [...common, ...pace, url(`/files/${file}`)];
}

/** Exit statuses of curl: see EXIT CODES in curl(1). */
function outcomeOf(status: number | null, isRight: boolean): SessionOutcome {
  switch (status) {
    case 0:
      return isRight ? "ok" : "corrupt";
    case 7: // refused
    case 52: // nothing came back
    case 55: // sending failed
    case 56: // receiving failed
      return "reset";
    case 28:
      return "timed-out";
    default:
      return "corrupt";
  }
}

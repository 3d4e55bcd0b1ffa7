import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import { CookieCounter, parseCookiesSent } from "../../host/sockets/netstat.ts";

/** As Linux 6.1 writes it, shortened. */
const NETSTAT = `TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts
TcpExt: 12 3 1 0
IpExt: InNoRoutes InTruncatedPkts
IpExt: 7 0
`;

test("the counter of SYN cookies is found by its name, wherever it stands", () => {
  assert.equal(parseCookiesSent(NETSTAT), 12);
  assert.equal(parseCookiesSent(NETSTAT.replace("SyncookiesSent SyncookiesRecv", "SyncookiesRecv SyncookiesSent")), 3);
});

test("what has no such counter tells nothing", () => {
  for (const text of ["", "IpExt: InNoRoutes\nIpExt: 7\n", NETSTAT.replace("SyncookiesSent", "Other"), "TcpExt: SyncookiesSent\n", "TcpExt: SyncookiesSent\nTcpExt: x\n"]) {
    assert.equal(parseCookiesSent(text), null, text);
  }
});

test("this kernel's is read", { skip: process.platform !== "linux" && "there is no /proc" }, () => {
  assert.ok(new CookieCounter({ netns: null }).read()! >= 0);
});

test("a counter that cannot be read is said once, and that it can be again", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "dobbs-netstat-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "netstat");
  const said: (string | null)[] = [];
  const counter = new CookieCounter({ netns: null, path, onProblem: (problem) => said.push(problem && described(problem)) });
  assert.deepEqual([counter.read(), counter.read()], [null, null]);
  writeFileSync(path, NETSTAT);
  assert.deepEqual([counter.read(), counter.read()], [12, 12]);
  writeFileSync(path, "IpExt: InNoRoutes\nIpExt: 7\n");
  assert.equal(counter.read(), null);
  rmSync(path);
  assert.equal(counter.read(), null);
  assert.equal(said.length, 3);
  assert.match(said[0]!, /^E_SOCKETS_COOKIES: .*ENOENT.*: Mount \/proc/);
  assert.equal(said[1], null);
  assert.match(said[2]!, /does not have it/);
});

test("a namespace that there is not tells nothing, and is named", () => {
  const said: DobbsError[] = [];
  const counter = new CookieCounter({ netns: "/run/netns/no-such-namespace", onProblem: (problem) => said.push(problem!) });
  assert.equal(counter.read(), null);
  assert.match(said[0]!.message, /in the network namespace \/run\/netns\/no-such-namespace/);
});

function described({ code, message, mend }: DobbsError): string {
  return `${code}: ${message}: ${mend}`;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { cookiesSent, parseCookiesSent } from "../../host/sockets/netstat.ts";

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

test("this kernel's is read; a namespace that there is not tells nothing", { skip: process.platform !== "linux" && "there is no /proc" }, () => {
  assert.ok(cookiesSent(null)! >= 0);
  assert.equal(cookiesSent("/run/netns/no-such-namespace"), null);
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import type { HostSocket } from "../../host/supervisor/environment.ts";
import { CLIENT, openSockets, read, TestServer, VIP, type Connection } from "./host.ts";
import { HalfOpenHost, IPV6 } from "./namespace.ts";

const noSs = !existsSync("/usr/bin/ss") && !existsSync("/bin/ss") && "needs ss (Debian package iproute2)";
const noRoot = process.getuid?.() !== 0 && "needs root, for network namespaces";
const noNft = !existsSync("/usr/sbin/nft") && "needs nft (Debian package nftables)";

async function until<T>(look: () => Promise<T>, done: (found: T) => boolean): Promise<T> {
  for (const end = Date.now() + 20_000; ; ) {
    const found = await look();
    if (done(found)) return found;
    if (Date.now() > end) assert.fail(`never: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** As `ss -tan` has them, in our words. */
function ssRows(netns?: string): HostSocket[] {
  const words: Record<string, HostSocket["state"]> = {
    "SYN-RECV": "half-open",
    ESTAB: "established",
    "FIN-WAIT-1": "closing",
    "FIN-WAIT-2": "closing",
    "CLOSE-WAIT": "closing",
    "LAST-ACK": "closing",
    CLOSING: "closing",
    "TIME-WAIT": "time-wait",
  };
  const text = execFileSync("ss", [...(netns ? ["-N", netns] : []), "-tanH"], { encoding: "utf8" });
  return text.split("\n").flatMap((line): HostSocket[] => {
    const [state, , , local, peer] = line.trim().split(/\s+/);
    if (state === undefined || !(state in words)) return [];
    const [vip, vipPort] = endpoint(local!);
    const [client, clientPort] = endpoint(peer!);
    return [{ client, clientPort, vip, vipPort, state: words[state]! }];
  });
}

function endpoint(text: string): [string, number] {
  const colon = text.lastIndexOf(":");
  return [text.slice(0, colon).replace(/^\[|\]$/g, "").replace(/^::ffff:/, ""), Number(text.slice(colon + 1))];
}

function sorted(rows: readonly HostSocket[]): string[] {
  return rows.map((row) => `${row.state} ${row.vip}:${row.vipPort} ${row.client}:${row.clientPort}`).sort();
}

/** One connection in each state that a server's end can be kept in. Returns the state of each by its client's port. */
async function inEachState(server: TestServer): Promise<Record<number, HostSocket["state"]>> {
  const connections: Connection[] = [];
  for (let i = 0; i < 4; i++) connections.push(await server.connect());
  const [established, clientFirst, serverFirst, over] = connections as [Connection, Connection, Connection, Connection];
  clientFirst.client.end(); // CLOSE_WAIT at the server
  serverFirst.server.end(); // FIN_WAIT2
  over.server.end();
  await new Promise((resolve) => over.client.once("end", resolve));
  over.client.end(); // TIME_WAIT
  return {
    [established.port]: "established",
    [clientFirst.port]: "closing",
    [serverFirst.port]: "closing",
    [over.port]: "time-wait",
  };
}

for (const [name, address] of [["IPv4", "0.0.0.0"], ["IPv6, for IPv4 clients", "::"]] as const) {
  test(`the connections of a server on ${name} are read in their states, as ss has them`, { skip: noSs }, async () => {
    const server = await TestServer.start(address);
    const sockets = openSockets();
    const expected = await inEachState(server);
    const mine = (rows: readonly HostSocket[]) => rows.filter(({ vipPort }) => vipPort === server.port);
    const states = (rows: readonly HostSocket[]) => Object.fromEntries(mine(rows).map((row) => [row.clientPort, row.state]));
    const same = (rows: readonly HostSocket[]) => JSON.stringify(states(rows)) === JSON.stringify(expected);
    const rows = await until(() => read(sockets), same);
    assert.deepEqual(sorted(mine(rows)), sorted(ssRows().filter(({ vip, vipPort }) => vip === VIP && vipPort === server.port)));
    assert.ok(rows.every(({ vip, client }) => vip === VIP && client === CLIENT));
    sockets.close();
    server.close();
  });
}

test("connections to other addresses of the host are not read, on the same port either", async () => {
  const server = await TestServer.start("0.0.0.0");
  const elsewhere = await server.connect(CLIENT);
  const here = await server.connect(VIP);
  const sockets = openSockets({ vips: [VIP, "2001:db8::1"] });
  const rows = (await read(sockets)).filter(({ vipPort }) => vipPort === server.port);
  assert.deepEqual(rows.map(({ clientPort }) => clientPort), [here.port]);
  assert.notEqual(elsewhere.port, here.port);
  sockets.close();
  server.close();
});

test("of several VIPs, the last is found as the first, past where one byte of offset ends", async () => {
  const server = await TestServer.start("0.0.0.0");
  const { port } = await server.connect(VIP);
  const others = Array.from({ length: 40 }, (_, i) => (i % 2 ? `2001:db8::${i}` : `192.0.2.${i + 1}`));
  for (const vips of [[VIP, ...others], [...others, VIP], [...others, VIP, ...others.slice(0, 1)]]) {
    const sockets = openSockets({ vips });
    const rows = (await read(sockets)).filter(({ vipPort }) => vipPort === server.port);
    assert.deepEqual(rows.map(({ clientPort }) => clientPort), [port]);
    sockets.close();
  }
  server.close();
});

test("500 connections that stay are in each of 200 readings while others come and go", async () => {
  const server = await TestServer.start("0.0.0.0");
  const stable = new Set<number>();
  const held: Connection[] = [];
  while (held.length < 500) held.push(await server.connect());
  for (const { port } of held) stable.add(port);
  let churned = 0;
  let churning = 0;
  const churn = setInterval(() => {
    if (churning >= 20) return;
    churning++;
    void server.connect().then(({ client, server: end }) => {
      // Half of them vanish at once, half leave a TIME_WAIT.
      if (churned++ % 2) client.resetAndDestroy();
      else end.end(() => client.end());
      churning--;
    });
  }, 5);
  const sockets = openSockets();
  for (let reading = 0; reading < 200; reading++) {
    const rows = await read(sockets);
    const found = new Set(rows.filter(({ state }) => state === "established").map(({ clientPort }) => clientPort));
    const missing = [...stable].filter((port) => !found.has(port));
    assert.deepEqual(missing, [], `reading ${reading}, after ${churned} others`);
  }
  clearInterval(churn);
  assert.ok(churned > 50, `only ${churned} others came`);
  sockets.close();
  server.close();
});

test("a half-open connection in another namespace is read, and this thread stays in its own", { skip: noRoot || noNft || noSs }, async () => {
  const before = readlinkSync("/proc/thread-self/ns/net");
  const host = await HalfOpenHost.start();
  try {
    const sockets = openSockets({ vips: [host.vip], netns: host.path });
    assert.equal(readlinkSync("/proc/thread-self/ns/net"), before);
    const rows = await until(() => read(sockets), (found) => found.length === 2);
    assert.deepEqual(rows.map(({ state }) => state).sort(), ["established", "half-open"]);
    assert.deepEqual(sorted(rows), sorted(ssRows(host.name).filter(({ vip }) => vip === host.vip)));
    // Sockets that are made now are in this namespace again.
    const server = await TestServer.start("0.0.0.0");
    const { port } = await server.connect();
    const own = openSockets();
    assert.ok((await read(own)).some(({ clientPort }) => clientPort === port));
    for (const open of [own, sockets]) open.close();
    server.close();
  } finally {
    host.stop();
  }
});

test("a host whose namespace was made anew is read in the new one, and is not called empty without one", { skip: noRoot || noNft }, async () => {
  const name = `E-anew-${process.pid}`;
  const problems: (string | null)[] = [];
  const first = await HalfOpenHost.start(name);
  const { vip, path } = first;
  const sockets = openSockets({ vips: [vip], netns: path, onProblem: (problem) => problems.push(problem?.code ?? null) });
  const ports = async () => new Set((await until(() => read(sockets), (rows) => rows.length === 2)).map(({ clientPort }) => clientPort));
  const before = await ports();
  first.stop();
  const answer = read(sockets);
  await until(async () => problems, (told) => told.length > 0);
  assert.deepEqual(problems, ["E_SOCKETS_NETNS"]);
  const second = await HalfOpenHost.start(name);
  try {
    await answer;
    const after = await ports();
    assert.ok([...after].every((port) => !before.has(port)), "the connections of the old one are gone");
    assert.equal(problems.at(-1), null);
  } finally {
    second.stop();
    sockets.close();
  }
});

test("a namespace that is not there is told with its path, and one that is no namespace too", { skip: noRoot }, () => {
  const before = readlinkSync("/proc/thread-self/ns/net");
  assert.throws(() => openSockets({ netns: "/run/netns/E-nowhere" }), {
    code: "E_SOCKETS_NETNS",
    message: /\/run\/netns\/E-nowhere: there is no such file/,
  });
  assert.throws(() => openSockets({ netns: "/proc/self/stat" }), { code: "E_SOCKETS_NETNS" });
  assert.equal(readlinkSync("/proc/thread-self/ns/net"), before);
});

for (const vip of ["192.0.2.1", "2001:db8::1"]) {
  test(`a host without the VIP ${vip} is not called empty: it is another one than is meant, or not there yet`, { skip: noRoot }, async () => {
    const name = `E-bare-${process.pid}`;
    execFileSync("ip", ["netns", "add", name]);
    const problems: (string | null)[] = [];
    const sockets = openSockets({ vips: [vip], netns: `/run/netns/${name}`, onProblem: (problem) => problems.push(problem?.code ?? null) });
    try {
      const answer = read(sockets);
      await until(async () => problems, (told) => told.length > 0);
      assert.deepEqual(problems, ["E_SOCKETS_VIP"]);
      execFileSync("ip", ["-n", name, "link", "set", "lo", "up"]);
      execFileSync("ip", ["-n", name, "addr", "add", vip, "dev", "lo"]);
      assert.deepEqual(await answer, []);
      assert.equal(problems.at(-1), null);
    } finally {
      sockets.close();
      execFileSync("ip", ["netns", "del", name]);
    }
  });
}

test("connections to an IPv6 VIP are read with their addresses, half-open ones too, as ss has them", { skip: noRoot || noNft || noSs }, async () => {
  const host = await HalfOpenHost.start(`E-six-${process.pid}`, IPV6);
  const sockets = openSockets({ vips: [VIP, host.vip], netns: host.path });
  try {
    const rows = await until(() => read(sockets), (found) => found.length === 2);
    assert.deepEqual(rows.map(({ state }) => state).sort(), ["established", "half-open"]);
    assert.ok(rows.every(({ vip, client, vipPort }) => vip === IPV6.vip && client === IPV6.client && vipPort === 80));
    assert.deepEqual(sorted(rows), sorted(ssRows(host.name).filter(({ vip }) => vip === host.vip)));
  } finally {
    sockets.close();
    host.stop();
  }
});

test("after close, a reading that is under way has no answer", async () => {
  const sockets = openSockets();
  let answered = false;
  sockets.read(() => (answered = true));
  sockets.close();
  sockets.read(() => (answered = true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(answered, false);
});

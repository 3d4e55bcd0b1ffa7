/** The process that plays a lab's clients, when the lab is no more: nothing of it goes on. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { type ClientsPlan, writeLine } from "../../host/lab/client-messages.ts";
import type { PlannedSession } from "../../host/lab/sessions.ts";
import { packagePath } from "../../host/paths.ts";
import { until } from "../transport/support.ts";

const CLIENTS = packagePath("build", "host", "lab", "clients.js");
const ENDLESS = 6;
const skip = spawnSync("curl", ["--version"]).status === 0 ? false : "it needs curl";

function session(id: number, file: string): PlannedSession {
  return { id, wave: "first", kind: "download", client: "127.0.0.1", startMs: 0, file, lingerMs: 0 };
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
    } catch {
      return false;
    }
  });
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("the clients' process ends, and its transfers with it", { skip }, () => {
  let server: Server;
  /** Answers that never end by themselves, and the one that the test ends. */
  let endless: ServerResponse[] = [];
  let short: ServerResponse | null = null;
  let clients: ChildProcessWithoutNullStreams;
  let curls: number[] = [];
  let ended: Promise<unknown>;

  before(() => {
    server = createServer((request, response) => {
      response.writeHead(200).write("a beginning");
      if (request.url!.endsWith("/short")) short = response;
      else endless.push(response);
    });
    return new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  });

  after(() => {
    server.closeAllConnections();
    server.close();
  });

  beforeEach(async () => {
    [endless, short] = [[], null];
    clients = spawn(process.execPath, [CLIENTS]);
    ended = new Promise((resolve) => clients.on("exit", resolve));
    clients.stdin.on("error", () => undefined);
    const plan: ClientsPlan = {
      kind: "plan",
      vips: { 4: "127.0.0.1", 6: "::1" },
      port: (server.address() as AddressInfo).port,
      sessions: [session(0, "short"), ...Array.from({ length: ENDLESS }, (_, i) => session(1 + i, "endless"))],
      hashes: {},
      files: "",
      serverPaces: true,
      pace: 1,
    };
    writeLine(clients.stdin, plan);
    writeLine(clients.stdin, { kind: "start", wave: "first" });
    await until("every transfer is under way", () => short !== null && endless.length === ENDLESS);
    curls = childrenOf(clients.pid!);
    assert.equal(curls.length, 1 + ENDLESS);
  });

  async function assertOver(): Promise<void> {
    await ended;
    await until("its transfers are gone", () => !curls.some(isAlive), 5_000);
  }

  test("when what it tells reaches nobody", async () => {
    clients.stdout.destroy();
    short!.end();
    await assertOver();
  });

  test("when the lab says no more", async () => {
    clients.stdin.end();
    await assertOver();
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`on ${signal}`, async () => {
      clients.kill(signal);
      await assertOver();
    });
  }
});

/** The HTTP server alone: who is let in, what is read, and what no caller can do to another. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BODY_BYTES_MAX } from "../../host/api/body.ts";
import { HttpServer } from "../../host/api/http-server.ts";
import type { Route } from "../../host/api/route.ts";
import { DobbsError } from "../../host/errors.ts";
import { ask, codeOf, exchange, open, parseAnswer } from "./raw.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const AUTH = `Authorization: Bearer ${TOKEN}`;
const HOST = "Host: 127.0.0.1";
const anything = Object.assign(() => true, { errors: null }) as unknown as Route["body"];

const ROUTES: readonly Route[] = [
  { method: "GET", path: "/v1/things/:name", query: ["n"], body: null, answer: ({ places, query }) => ({ status: 200, body: { name: places["name"], n: query.get("n") } }) },
  { method: "POST", path: "/v1/things", body: anything, answer: ({ body }) => ({ status: 200, body }) },
  { method: "GET", path: "/v1/fault", body: null, answer: () => { throw new Error("secret inside"); } },
  { method: "GET", path: "/v1/refused", body: null, answer: () => Promise.reject(new DobbsError("E_BLADE_UNKNOWN", "what", "mend")) },
];

describe("the API's HTTP server", () => {
  const faults: unknown[] = [];
  const server = new HttpServer({ token: TOKEN, routes: ROUTES, onFault: (error) => faults.push(error), limits: { connections: 8, headersMs: 1_000, requestMs: 1_500 } });
  let port = 0;
  before(async () => {
    ({ port } = await server.listen("127.0.0.1", 0));
  });
  after(() => server.close());

  const get = (path: string, ...headers: string[]) => ask(port, [`GET ${path} HTTP/1.1`, HOST, AUTH, ...headers]);
  const post = (body: string, ...headers: string[]) =>
    ask(port, ["POST /v1/things HTTP/1.1", HOST, AUTH, `Content-Length: ${Buffer.byteLength(body)}`, ...headers], body);

  test("answers who has the token, with JSON that nobody stores", async () => {
    const { status, headers, body } = await get("/v1/things/a%20b?n=1");
    assert.equal(status, 200);
    assert.deepEqual(body, { name: "a b", n: "1" });
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["cache-control"], "no-store");
  });

  test("no token, another one, one and a half, two of them: 401", async () => {
    for (const headers of [[], ["Authorization: Bearer x"], [`${AUTH}0`], [`Authorization: Basic ${TOKEN}`], ["Authorization: Bearer "], [AUTH, AUTH]]) {
      const answer = await ask(port, ["GET /v1/things/a HTTP/1.1", HOST, ...headers]);
      assert.equal(answer.status, 401, headers.join());
      assert.equal(codeOf(answer), "E_API_TOKEN");
      assert.equal(answer.headers["www-authenticate"], "Bearer");
    }
  });

  test("a Host that is no loopback name is refused, token or not: DNS rebinding", async () => {
    for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1", "[2001:db8::1]:80", "", "localhost@evil"]) {
      const answer = await ask(port, ["GET /v1/things/a HTTP/1.1", `Host: ${host}`, AUTH]);
      assert.equal(answer.status, 400, host);
      assert.equal(codeOf(answer), "E_API_HOST");
    }
    for (const host of ["localhost", "LOCALHOST:7440", "127.0.0.1:7440", "127.9.9.9", "[::1]:7440"]) {
      assert.equal((await ask(port, ["GET /v1/things/a HTTP/1.1", `Host: ${host}`, AUTH])).status, 200, host);
    }
    const twice = await ask(port, ["GET /v1/things/a HTTP/1.1", HOST, "Host: evil.example", AUTH]);
    assert.equal(twice.status, 400);
  });

  test("unknown paths, methods and parameters", async () => {
    for (const path of ["/", "/v1", "/v1/", "/v2/things/a", "/v1/things/a/b", "/v1/things/%zz", "http://127.0.0.1/v1/things/a", "*"]) {
      assert.equal((await get(path)).status, 404, path);
    }
    const method = await ask(port, ["DELETE /v1/things/a HTTP/1.1", HOST, AUTH]);
    assert.equal(method.status, 405);
    assert.equal(method.headers["allow"], "GET");
    for (const query of ["m=1", "n=1&n=2", "=1", "__proto__=1"]) {
      const answer = await get(`/v1/things/a?${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(codeOf(answer), "E_API_QUERY");
    }
  });

  test("bodies: JSON, declared as such, in UTF-8", async () => {
    assert.deepEqual((await post('{"a":"ä"}', "Content-Type: application/json; charset=utf-8")).body, { a: "ä" });
    assert.deepEqual((await post("")).body, {});
    for (const type of ["text/plain", "application/jsonp", "application/json; charset=latin1", ""]) {
      assert.equal((await post("{}", `Content-Type: ${type}`)).status, 415, type);
    }
    for (const body of ["{", "nope", '{"a":1}}', "\0"]) {
      const answer = await post(body, "Content-Type: application/json");
      assert.equal(codeOf(answer), "E_API_JSON", body);
    }
    const latin1 = Buffer.from('{"a":"\xe4"}', "latin1");
    const head = `POST /v1/things HTTP/1.1\r\n${HOST}\r\n${AUTH}\r\nContent-Type: application/json\r\nContent-Length: ${latin1.length}\r\nConnection: close\r\n\r\n`;
    assert.equal(codeOf(parseAnswer(await exchange(port, Buffer.concat([Buffer.from(head), latin1])))), "E_API_JSON");
    const withBody = await ask(port, ["GET /v1/things/a HTTP/1.1", HOST, AUTH, "Content-Type: application/json", "Content-Length: 7"], '{"a":1}');
    assert.equal(codeOf(withBody), "E_API_BODY");
  });

  test("a body of more than 1 MiB is refused, and its sender gets to read so", async () => {
    const large = "x".repeat(BODY_BYTES_MAX + 1);
    assert.equal(codeOf(await post(large, "Content-Type: application/json")), "E_API_SIZE");
    const chunked = `${(BODY_BYTES_MAX + 1).toString(16)}\r\n${large}\r\n0\r\n\r\n`;
    const answer = await ask(port, ["POST /v1/things HTTP/1.1", HOST, AUTH, "Content-Type: application/json", "Transfer-Encoding: chunked"], chunked);
    assert.equal(answer.status, 413);
    const declared = await ask(port, ["POST /v1/things HTTP/1.1", HOST, AUTH, "Content-Type: application/json", "Content-Length: 99999999999"], "{}");
    assert.equal(declared.status, 413);
  });

  test("what is no HTTP, and headers without end", async () => {
    assert.equal(codeOf(parseAnswer(await exchange(port, "hello\r\n\r\n"))), "E_API_HTTP");
    assert.equal(codeOf(parseAnswer(await exchange(port, Buffer.from([0x16, 3, 1, 2, 0, 1])))), "E_API_HTTP");
    const long = await ask(port, ["GET /v1/things/a HTTP/1.1", HOST, AUTH, `X: ${"y".repeat(20_000)}`]);
    assert.equal(long.status, 431);
    assert.equal(codeOf(long), "E_API_HEADERS");
  });

  test("a fault of ours says nothing of the inside, and is logged", async () => {
    const answer = await get("/v1/fault");
    assert.equal(answer.status, 500);
    assert.equal(codeOf(answer), "E_INTERNAL");
    assert.doesNotMatch(JSON.stringify(answer.body), /secret/);
    assert.match(String(faults.at(-1)), /secret inside/);
    assert.equal((await get("/v1/refused")).status, 404);
  });

  test("callers that send slowly are told so and closed, and keep no one waiting", async () => {
    const slow = exchange(port, `GET /v1/things/a HTTP/1.1\r\n${HOST}\r\n`, 20_000);
    const slowBody = exchange(port, `POST /v1/things HTTP/1.1\r\n${HOST}\r\n${AUTH}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{`, 20_000);
    assert.equal((await get("/v1/things/a")).status, 200);
    assert.equal(codeOf(parseAnswer(await slow)), "E_API_SLOW");
    assert.equal(codeOf(parseAnswer(await slowBody)), "E_API_SLOW");
  });

  test("a caller that goes on sending after it was told is cut off", async () => {
    const socket = await open(port);
    socket.on("error", () => undefined).resume();
    socket.write(`GET /v1/things/a HTTP/1.1\r\n${HOST}\r\nX`);
    const drip = setInterval(() => socket.write("x"), 100);
    // It does not hang up when the other end does.
    socket.allowHalfOpen = true;
    const outcome = await Promise.race([
      new Promise((resolve) => socket.once("close", () => resolve("cut off"))),
      new Promise((resolve) => setTimeout(resolve, 10_000, "still there").unref()),
    ]);
    clearInterval(drip);
    socket.destroy();
    assert.equal(outcome, "cut off");
  });

  test("more connections than it takes: the oldest strangers go, not those with the token", async () => {
    const trusted = await open(port);
    trusted.write(`GET /v1/things/a HTTP/1.1\r\n${HOST}\r\n${AUTH}\r\n\r\n`);
    await new Promise((resolve) => trusted.once("data", resolve));
    let closed = 0;
    const strangers = await Promise.all(Array.from({ length: 30 }, async () => {
      const socket = await open(port);
      socket.on("error", () => undefined).on("close", () => closed++).resume();
      return socket;
    }));
    assert.equal((await get("/v1/things/a")).status, 200);
    assert.ok(closed >= 20, `${closed} closed`);
    trusted.write(`GET /v1/things/b HTTP/1.1\r\n${HOST}\r\n${AUTH}\r\n\r\n`);
    assert.match(String(await new Promise((resolve) => trusted.once("data", resolve))), /"b"/);
    for (const socket of [trusted, ...strangers]) socket.destroy();
  });

  test("requests in a row on one connection are answered in order", async () => {
    const one = (name: string, last = false) => `GET /v1/things/${name} HTTP/1.1\r\n${HOST}\r\n${AUTH}\r\n${last ? "Connection: close\r\n" : ""}\r\n`;
    const text = await exchange(port, one("a") + one("b") + one("c", true));
    assert.deepEqual([...text.matchAll(/"name":"(\w)"/g)].map(([, name]) => name), ["a", "b", "c"]);
  });
});

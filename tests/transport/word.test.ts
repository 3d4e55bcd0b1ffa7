import assert from "node:assert/strict";
import { test } from "node:test";
import { linkWordText, parseLinkWord } from "../../host/transport/word.ts";

test("a word and its text are the same thing", () => {
  const words = ["unix:/run/dobbs/ardsley.sock", "tls:127.0.0.1:7443", "tls:[::1]:7443", "tls:host.example:1#west-1"];
  for (const word of words) assert.equal(linkWordText(parseLinkWord(word)), word);
  assert.deepEqual(parseLinkWord("tls:[::1]:7443#west"), { kind: "tls", host: "::1", port: 7443, node: "west" });
  assert.deepEqual(parseLinkWord("unix:/a b#c:d"), { kind: "unix", path: "/a b#c:d" });
});

test("what is no link is E_LINK_WORD, and says why", () => {
  const wrong: [string, RegExp][] = [
    ["", /neither/],
    ["/run/x.sock", /neither/],
    ["unix:", /absolute/],
    ["unix:run/x.sock", /absolute/],
    ["unix:/run/", /folder/],
    ["unix:/a\0b", /zero byte/],
    [`unix:/${"x".repeat(107)}`, /107/],
    ["tls:host", /neither/],
    ["tls:host:", /neither/],
    ["tls::7443", /neither/],
    ["tls:host:65536", /port 65536/],
    ["tls:host:-1", /neither/],
    ["tls:::1:7443", /neither/],
    ["tls:[1.2.3.4]:7443", /IPv6/],
    ["tls:host:1#", /name of a node/],
    ["tls:host:1#a b", /name of a node/],
    ["tls:ho st:1", /neither/],
    ["TLS:host:1", /neither/],
  ];
  for (const [word, message] of wrong) assert.throws(() => parseLinkWord(word), { code: "E_LINK_WORD", message }, word);
});

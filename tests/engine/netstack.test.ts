/** The binding of the TCP/IP stack; what the stack itself does is tested in its crate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeBinding, type NativeNetstack } from "../../host/engine/binding.ts";

const { Netstack } = nativeBinding();

function pair(): { client: NativeNetstack; server: NativeNetstack; exchange: () => number } {
  const client = new Netstack({ mac: "02:00:00:00:00:02", addresses: ["10.0.0.2/24", "fd00::2/64"], seed: 2 });
  const addresses = ["10.0.0.1/24", "fd00::1/64", "10.0.0.100/32", "fd00::100/128"];
  const server = new Netstack({ mac: "02:00:00:00:00:01", addresses, seed: 1 });
  let now = 0;
  /** Carries frames to and fro for 20 ms. Returns how many. */
  const exchange = (): number => {
    let frames = 0;
    for (let step = 0; step < 200; step++) {
      now += 100;
      for (const frame of client.poll(now)) server.receive(now, (frames++, frame));
      for (const frame of server.poll(now)) client.receive(now, (frames++, frame));
    }
    return frames;
  };
  return { client, server, exchange };
}

test("a connection, data, its end, and the events and rows of it", () => {
  const { client, server, exchange } = pair();
  server.listen(80);
  const id = client.connect(0, "10.0.0.2", 40_000, "10.0.0.1", 80);
  assert.equal(client.nextPoll(0), 0);
  assert.ok(exchange() > 3);
  assert.deepEqual(client.events(), [{ id, kind: "connected" }]);
  const [accepted] = server.events();
  assert.equal(accepted?.kind, "accepted");
  assert.deepEqual(server.sockets(), [{
    id: accepted.id, state: "established",
    localAddress: "10.0.0.1", localPort: 80, remoteAddress: "10.0.0.2", remotePort: 40_000,
  }]);

  assert.equal(client.sendRoom(id), 65_536);
  assert.equal(client.send(id, Buffer.from("hello")), 5);
  exchange();
  assert.deepEqual(server.events(), [{ id: accepted.id, kind: "readable" }]);
  assert.equal(Buffer.from(server.receiveData(accepted.id, 3)).toString(), "hel");
  assert.equal(Buffer.from(server.receiveData(accepted.id, 100)).toString(), "lo");
  assert.equal(server.receiveData(accepted.id, 100).length, 0);

  client.close(id);
  exchange();
  server.close(accepted.id);
  exchange();
  assert.deepEqual(client.events().map(({ kind }) => kind), ["peer-closed", "closed"]);
  assert.deepEqual(server.events().map(({ kind }) => kind), ["peer-closed", "closed"]);
  assert.equal(client.sockets()[0]?.state, "time-wait");
  server.release(accepted.id);
  assert.deepEqual(server.sockets(), []);
  assert.equal(server.nextPoll(1_000_000), -1);
});

test("a connection over IPv6, with its addresses in their shortest form", () => {
  const { client, server, exchange } = pair();
  server.listen(80);
  client.connect(0, "fd00::2", 40_000, "fd00:0:0::100", 80);
  // The appliance answers for the VIP: nobody does here.
  exchange();
  assert.equal(client.sockets()[0]?.state, "syn-sent");
  const id = client.connect(0, "fd00::2", 40_001, "fd00::1", 80);
  exchange();
  assert.deepEqual(client.events(), [{ id, kind: "connected" }]);
  const { localAddress, remoteAddress } = server.sockets()[0]!;
  assert.deepEqual({ localAddress, remoteAddress }, { localAddress: "fd00::1", remoteAddress: "fd00::2" });
});

test("datagrams over both families", () => {
  const { client, server, exchange } = pair();
  const [near, far] = [client.bind(40_000), server.bind(53)];
  for (const [own, other] of [["10.0.0.2", "10.0.0.1"], ["fd00::2", "fd00::1"]] as const) {
    assert.equal(client.sendDatagram(0, near, own, 40_000, other, 53, Buffer.from("who?")), true);
    exchange();
    assert.deepEqual(server.events(), [{ id: far, kind: "readable" }]);
    const { data, ...ends } = server.receiveDatagram(far)!;
    assert.deepEqual(ends, { localAddress: other, localPort: 53, remoteAddress: own, remotePort: 40_000 });
    assert.equal(Buffer.from(data).toString(), "who?");
    assert.equal(server.receiveDatagram(far), null);
  }
  server.release(far);
  assert.throws(() => server.receiveDatagram(far), { code: "E_NETSTACK" });
  assert.deepEqual(server.sockets(), []);
});

test("times beyond 2^32 µs", () => {
  const { client } = pair();
  const day = 86_400_000_000;
  client.connect(day, "10.0.0.2", 40_000, "10.0.0.1", 80);
  assert.equal(client.poll(day).length, 1);
  const next = client.nextPoll(day);
  assert.ok(next > day && next <= day + 1_000_000, `${next}`);
});

test("a small buffer is filled, and no more", () => {
  const options = { mac: "02:00:00:00:00:02", addresses: ["10.0.0.2/24"], seed: 2, sendBuffer: 1000, receiveBuffer: 1000 };
  const { server, exchange } = pair();
  server.listen(80);
  const client = new Netstack(options);
  const id = client.connect(0, "10.0.0.2", 40_000, "10.0.0.1", 80);
  for (const frame of client.poll(0)) server.receive(0, frame);
  for (const frame of server.poll(0)) client.receive(0, frame);
  for (const frame of client.poll(0)) server.receive(0, frame);
  for (const frame of server.poll(0)) client.receive(0, frame);
  assert.equal(client.send(id, new Uint8Array(5000)), 1000);
  assert.equal(client.sendRoom(id), 0);
  assert.ok(exchange() >= 0);
});

test("misuse throws E_NETSTACK", () => {
  const { client, server } = pair();
  server.listen(80);
  const misuse: [() => unknown, RegExp][] = [
    [() => server.listen(80), /port 80/],
    [() => client.send(77, new Uint8Array(1)), /id 77/],
    [() => client.connect(0, "10.0.0.9", 1, "10.0.0.1", 80), /10\.0\.0\.9:1/],
    [() => client.connect(0, "here", 1, "10.0.0.1", 80), /here is no IP address/],
    [() => client.connect(0, "10.0.0.2", 1, "fd00::1", 80), /fd00::1:80 cannot be connected/],
    [() => client.bind(0), /port 0/],
    [() => client.sendDatagram(0, 77, "10.0.0.2", 1, "10.0.0.1", 1, new Uint8Array(1)), /id 77/],
    [() => client.receiveDatagram(77), /id 77/],
    [() => new Netstack({ mac: "x", addresses: ["10.0.0.2/24"], seed: 0 }), /x is no MAC address/],
    [() => new Netstack({ mac: "02:00:00:00:00:02", addresses: ["10.0.0.2"], seed: 0 }), /10\.0\.0\.2 is no/],
    [() => new Netstack({ mac: "02:00:00:00:00:02", addresses: [], seed: 0 }), /0 addresses/],
  ];
  for (const [wrong, message] of misuse) assert.throws(wrong, { code: "E_NETSTACK", message });
});

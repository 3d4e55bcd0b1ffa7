/** The scripted TCP ends: two of them over a wire that a test can spoil. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { ACK, FIN, NO_PAYLOAD, RST, SYN, type Segment, type TcpFields } from "../../host/simulate/segment.ts";
import { TcpSocket, type Ending, type SocketState } from "../../host/simulate/tcp-socket.ts";

const WIRE_US = 1_000;
const [CLIENT, SERVER] = [1, 2];

interface End {
  readonly socket: TcpSocket;
  readonly sent: TcpFields[];
  readonly log: string[];
  received: number;
  ended: Ending | null;
}

/** A client and a server. `spoils`: whether a segment is lost (`drop`) or changed on its way. */
class Pair {
  readonly clock = new VirtualClock();
  readonly client: End;
  server: End | null = null;
  readonly #spoils: (from: number, fields: TcpFields, nth: number) => TcpFields | null;
  #nth = 0;
  onServer: (server: TcpSocket) => void = () => undefined;

  constructor(spoils: (from: number, fields: TcpFields, nth: number) => TcpFields | null = (_, fields) => fields) {
    this.#spoils = spoils;
    this.client = this.#end(CLIENT, 0xfffffff0, "syn-sent");
  }

  #end(name: number, iss: number, state: "syn-sent" | "syn-received"): End {
    const end: { -readonly [K in keyof End]: End[K] } = { socket: null as never, sent: [], log: [], received: 0, ended: null };
    end.socket = new TcpSocket(this.clock, iss, state, {
      transmit: (fields) => {
        end.sent.push(fields);
        const arriving = this.#spoils(name, fields, this.#nth++);
        if (arriving !== null) this.clock.after(WIRE_US, () => this.#arrive(name, arriving));
      },
      onConnected: () => end.log.push("connected"),
      onReceived: (total) => (end.received = total),
      onDrained: () => undefined,
      onPeerClosed: () => end.log.push("peer closed"),
      onEnded: (how) => (end.ended = how),
      onCorrupt: () => end.log.push("corrupt"),
    });
    return end;
  }

  #arrive(from: number, fields: TcpFields): void {
    const segment: Segment = { ...fields, family: 4, source: from, destination: 3 - from, sourcePort: 1, destinationPort: 2 };
    if (from === SERVER) return this.client.socket.receive(segment);
    if (this.server) return this.server.socket.receive(segment);
    if ((fields.flags & (SYN | ACK)) !== SYN) return;
    this.server = this.#end(SERVER, 77, "syn-received");
    this.onServer(this.server.socket);
    this.server.socket.accept(segment, true);
  }

  states(): SocketState[] {
    return [this.client.socket.state, this.server!.socket.state];
  }

  pass(us: number): void {
    this.clock.runUntil(this.clock.now + us);
  }
}

const lose = (nths: readonly number[]) => (_: number, fields: TcpFields, nth: number) => (nths.includes(nth) ? null : fields);

describe("two scripted ends", () => {
  test("connect, send both ways over the wrap of sequence numbers, and close in order", () => {
    const pair = new Pair();
    pair.client.socket.connect(0);
    pair.pass(10_000);
    pair.client.socket.write(3_000);
    pair.server!.socket.write(5_000);
    pair.pass(50_000);
    assert.deepEqual([pair.client.received, pair.server!.received], [5_000, 3_000]);
    pair.client.socket.close();
    pair.pass(10_000);
    assert.deepEqual(pair.states(), ["fin-wait-2", "close-wait"]);
    pair.server!.socket.close();
    pair.pass(10_000);
    assert.deepEqual(pair.states(), ["time-wait", "closed"]);
    assert.deepEqual([pair.client.ended, pair.server!.ended], ["closed", "closed"]);
  });

  test("get everything across a wire that loses every third segment", () => {
    const pair = new Pair((_, fields, nth) => (nth % 3 === 1 ? null : fields));
    pair.client.socket.connect(0);
    pair.pass(5_000_000);
    pair.client.socket.write(4_000);
    pair.server!.socket.write(6_000);
    pair.client.socket.close();
    pair.pass(30_000_000);
    pair.server!.socket.close();
    pair.pass(30_000_000);
    assert.deepEqual([pair.client.received, pair.server!.received], [6_000, 4_000]);
    assert.deepEqual([pair.client.ended, pair.server!.ended], ["closed", "closed"]);
  });

  test("repeat a SYN, and a SYN+ACK, that were lost", () => {
    const pair = new Pair(lose([0, 2]));
    pair.client.socket.connect(0);
    pair.pass(1_000_000);
    assert.deepEqual(pair.states(), ["established", "established"]);
    assert.ok(pair.client.sent.filter(({ flags }) => flags === SYN).length >= 2);
  });

  test("close at the same time", () => {
    const pair = new Pair();
    pair.client.socket.connect(0);
    pair.pass(10_000);
    pair.client.socket.close();
    pair.server!.socket.close();
    pair.pass(WIRE_US);
    assert.deepEqual(pair.states(), ["closing", "closing"]);
    pair.pass(10_000);
    assert.deepEqual(pair.states(), ["time-wait", "time-wait"]);
  });

  test("take data that came with the SYN", () => {
    const pair = new Pair();
    pair.client.socket.connect(200);
    pair.pass(10_000);
    assert.equal(pair.server!.received, 200);
    assert.equal(pair.client.sent.filter(({ payload }) => payload.length > 0).length, 1, "and nothing is sent twice");
  });

  test("find a byte that was changed", () => {
    const pair = new Pair((from, fields) =>
      from === CLIENT && fields.payload.length > 0 ? { ...fields, payload: fields.payload.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) } : fields,
    );
    pair.client.socket.connect(0);
    pair.pass(10_000);
    pair.client.socket.write(20);
    pair.pass(10_000);
    assert.deepEqual(pair.server!.log, ["connected", "corrupt"]);
  });

  test("wait for an end that offers no room, and ask it", () => {
    const pair = new Pair();
    pair.onServer = (server) => {
      const accept = server.accept.bind(server);
      server.accept = (segment) => accept(segment, false, 0);
    };
    pair.client.socket.connect(0);
    pair.client.socket.write(500);
    pair.pass(800_000);
    assert.equal(pair.server!.received, 0);
    const probes = pair.client.sent.filter(({ seq, payload }) => payload.length === 0 && seq === 0xfffffff0);
    assert.ok(probes.length >= 2);
    pair.server!.socket.open();
    pair.pass(10_000);
    assert.equal(pair.server!.received, 500);
  });

  test("believe a RST that is in place, and no other", () => {
    const pair = new Pair();
    pair.client.socket.connect(0);
    pair.pass(10_000);
    const rst = (seq: number): void =>
      pair.client.socket.receive({ flags: RST, seq, ack: 0, window: 0, payload: NO_PAYLOAD, family: 4, source: 2, destination: 1, sourcePort: 2, destinationPort: 1 });
    rst(0x70000000);
    assert.equal(pair.client.ended, null);
    rst(78);
    assert.equal(pair.client.ended, "refused");
  });

  test("answer a probe, and do not go on for ever about what they do not agree on", () => {
    const pair = new Pair();
    pair.client.socket.connect(0);
    pair.pass(10_000);
    const before = pair.server!.sent.length;
    pair.client.socket.probe();
    pair.pass(300_000);
    assert.equal(pair.server!.sent.length, before + 1);
    const stray: Segment = { flags: ACK, seq: 0, ack: 0x40000000, window: 1, payload: NO_PAYLOAD, family: 4, source: 1, destination: 2, sourcePort: 1, destinationPort: 2 };
    for (let i = 0; i < 50; i++) pair.server!.socket.receive(stray);
    assert.equal(pair.server!.sent.length, before + 2);
  });

  test("give up when nobody answers", () => {
    const pair = new Pair((from, fields) => (from === SERVER && fields.flags & FIN ? null : from === CLIENT && fields.flags === ACK ? null : fields));
    pair.client.socket.connect(0);
    pair.pass(60_000_000);
    assert.deepEqual([pair.server!.socket.state, pair.server!.ended], ["closed", "gave-up"]);
  });
});

/** Packets in pieces come together again, in whatever order, and no others do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { VIP4, VIP6 } from "../../host/simulate/appliance-plan.ts";
import { decodeDatagram, encodeDatagram } from "../../host/simulate/datagram.ts";
import { fragment, Reassembly } from "../../host/simulate/fragments.ts";
import { clientEnd, endOf, type Family } from "../../host/simulate/packet.ts";
import { sendInPieces } from "../../host/simulate/pieces.ts";
import type { PiecesPlan } from "../../host/simulate/plan.ts";

const MAC = "02:d0:bb:00:00:01";

function question(family: Family, number: number): Uint8Array {
  const vip = endOf(MAC, family === 4 ? VIP4 : VIP6);
  return encodeDatagram(clientEnd(VIP4, VIP6, family, 0, 7), 4_000, vip, 53, { kind: "question", number, session: 77 }, number);
}

for (const family of [4, 6] as const) {
  describe(`of IPv${family}`, () => {
    test("a packet is whole with its last piece, whichever that is", () => {
      const frame = question(family, 1);
      const pieces = fragment(frame, 99);
      assert.equal(pieces.length, 3);
      for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 0, 2]]) {
        const reassembly = new Reassembly(new VirtualClock());
        const results = order.map((index) => reassembly.take(pieces[index]!));
        assert.ok(results.slice(0, -1).every((result) => result === null));
        assert.deepEqual(decodeDatagram(results.at(-1)!), decodeDatagram(frame));
      }
    });

    test("pieces of two packets are kept apart", () => {
      const [one, two] = [fragment(question(family, 1), 5), fragment(question(family, 2), 6)];
      const reassembly = new Reassembly(new VirtualClock());
      const results = [one[0], two[0], two[1], one[1], one[2], two[2]].map((piece) => reassembly.take(piece!));
      assert.deepEqual(results.map((frame) => frame && decodeDatagram(frame)!.number), [null, null, null, null, 1, 2]);
    });

    test("a piece that waits for too long is forgotten", () => {
      const pieces = fragment(question(family, 1), 99);
      const clock = new VirtualClock();
      const reassembly = new Reassembly(clock);
      assert.equal(reassembly.take(pieces[0]!), null);
      clock.runUntil(30_000_000);
      assert.deepEqual(pieces.slice(1).map((piece) => reassembly.take(piece)), [null, null]);
      assert.ok(reassembly.take(pieces[0]!));
    });

    test("a plan says in which order the pieces go", () => {
      const frame = question(family, 1);
      const clock = new VirtualClock();
      const sent = (pieces: PiecesPlan | null): number[] => {
        const order: number[] = [];
        const parcel = { bytes: frame, id: 1, flow: 2, redirects: 0 };
        sendInPieces(parcel, pieces, 7, clock, ({ bytes }) => order.push(fragment(frame, 2 * 128 + 7).findIndex((piece) => Buffer.compare(piece, bytes) === 0)));
        // Later than the others.
        order.push(-2);
        clock.runUntil(clock.now + 1_000_000);
        return order;
      };
      const plans = [null, "in-order", "last-first", "first-twice", "first-late"] as const;
      assert.deepEqual(plans.map(sent), [[-1, -2], [0, 1, 2, -2], [2, 1, 0, -2], [0, 0, 1, 2, -2], [1, 2, -2, 0]]);
    });

    test("no piece is taken for a packet, and a whole one is what it is", () => {
      const frame = question(family, 3);
      for (const piece of fragment(frame, 9)) assert.equal(decodeDatagram(piece), null);
      assert.equal(new Reassembly(new VirtualClock()).take(frame), frame);
    });
  });
}

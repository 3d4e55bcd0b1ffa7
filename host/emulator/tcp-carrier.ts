/** A TCP socket of a station's stack carries a stream. */
import type { Station } from "./station.ts";
import type { Carrier } from "./stream.ts";

export function tcpCarrier(station: Station, id: number): Carrier {
  return {
    send: (bytes) => {
      const taken = station.stack.send(id, bytes);
      if (taken > 0) station.wake();
      return taken;
    },
    receive: (max) => {
      const bytes = station.stack.receiveData(id, max);
      // The window has opened.
      if (bytes.length > 0) station.wake();
      return bytes;
    },
    close: () => {
      station.stack.close(id);
      station.wake();
    },
  };
}

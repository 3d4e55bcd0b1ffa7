/** Answers queries, and keeps nothing of them: any host will do. */
import type { UdpSockets } from "../udp-sockets.ts";
import { decodeQuery, encodeAnswer } from "./message.ts";

export function answerQueries(sockets: UdpSockets, port: number): void {
  const socket = sockets.open(port, ({ data, ...path }) => {
    const query = decodeQuery(data);
    if (query) socket.send(path, encodeAnswer(query));
  });
}

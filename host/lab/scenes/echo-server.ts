/** Program: echoes datagrams at each VIP, with its name in them. `node echo-server.js <name> <address>...` */
import { createSocket } from "node:dgram";
import { familyOf } from "../../model/address.ts";
import { answeringDatagram, ECHO_PORT } from "./echo-datagram.ts";

const [name, ...addresses] = process.argv.slice(2) as [string, ...string[]];

for (const address of addresses) {
  const socket = createSocket(familyOf(address) === 6 ? "udp6" : "udp4");
  socket.on("message", (asking, { address: client, port }) => socket.send(answeringDatagram(asking, name), port, client));
  socket.bind(ECHO_PORT, address, () => console.log(`listening at ${address}`));
}

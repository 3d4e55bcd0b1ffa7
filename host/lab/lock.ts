/** One lab at a time: held by a name in the kernel, which goes with the process that has it, however that ends. */
import { createServer } from "node:net";

/** Of an abstract Unix socket: no file that could be left. */
const NAME = "\0dobbs-lab";

/** Takes the lock, until this process ends. Returns whether it has. */
export function takeLock(): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.on("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen(NAME, () => resolve(true));
    server.unref();
  });
}

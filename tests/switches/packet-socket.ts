/** Raw frames at a network interface of a network namespace. */
import { closeSync } from "node:fs";
import koffi from "koffi";
import { ErrnoError, MSG_DONTWAIT, recv, send, SOCK_CLOEXEC, SOCK_RAW, socket } from "../../host/sockets/libc.ts";
import { inNetns } from "../../host/sockets/netns.ts";

const AF_PACKET = 17;
const ETH_P_ALL_NETWORK_ORDER = 0x0300;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BUFFER_BYTES = 8 << 20;
const FRAME_BYTES_MAX = 2048;

const libc = koffi.load(null);
const bind = libc.func("int bind(int fd, const uint8_t *address, uint32_t length)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)");
const if_nametoindex = libc.func("uint32_t if_nametoindex(const char *name)");

export class PacketSocket {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(FRAME_BYTES_MAX);

  constructor(namespace: string, name: string) {
    this.#fd = inNetns(`/run/netns/${namespace}`, () => {
      const fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
      const address = Buffer.alloc(20);
      address.writeUInt16LE(AF_PACKET, 0);
      address.writeUInt16LE(ETH_P_ALL_NETWORK_ORDER, 2);
      address.writeInt32LE(if_nametoindex(name), 4);
      const size = Buffer.alloc(4);
      size.writeInt32LE(RECEIVE_BUFFER_BYTES);
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length);
      if (bind(fd, address, address.length) !== 0) throw new ErrnoError(`bind to ${name}`, koffi.errno());
      return fd;
    });
  }

  send(frame: Uint8Array): void {
    send(this.#fd, frame, frame.length, 0);
  }

  /** All that has come in. */
  receive(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (;;) {
      try {
        frames.push(this.#buffer.slice(0, recv(this.#fd, this.#buffer, FRAME_BYTES_MAX, MSG_DONTWAIT)));
      } catch (error) {
        if (error instanceof ErrnoError && error.code === "EAGAIN") return frames;
        throw error;
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

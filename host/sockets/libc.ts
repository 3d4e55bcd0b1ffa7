/** The few calls of the C library that Node does not have: netlink sockets, addresses, and network namespaces. */
import koffi from "koffi";

/** As in Linux's headers, on every architecture that Node runs on. */
export const AF_NETLINK = 16;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_SOCK_DIAG = 4;
export const MSG_DONTWAIT = 0x40;
/** `recv` returns how long the message is, also when it is cut. */
export const MSG_TRUNC = 0x20;
export const CLONE_NEWNET = 0x40000000;

/** By name; numbers differ between architectures. */
export const ERRNO: Readonly<Record<string, number>> = koffi.os.errno;

/** A call that failed. */
export class ErrnoError extends Error {
  override readonly name = "ErrnoError";
  readonly errno: number;
  /** As in errno.h, `EPERM`. */
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = Object.keys(ERRNO).find((name) => ERRNO[name] === errno) ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.errno = errno;
    this.code = code;
  }
}

type Call = (...values: readonly (number | Uint8Array)[]) => number;

/** A null library is the program itself, and so the C library that it is linked with. */
const program = koffi.load(null);

function call(name: string, prototype: string): Call {
  const run = program.func(prototype) as Call;
  return (...values) => {
    const result = run(...values);
    if (result < 0) throw new ErrnoError(name, koffi.errno());
    return result;
  };
}

/** Each throws `ErrnoError`. */
export const socket = call("socket", "int socket(int domain, int type, int protocol)");
export const bind = call("bind", "int bind(int fd, const uint8_t *address, uint32_t length)");
export const send = call("send", "intptr_t send(int fd, const uint8_t *bytes, size_t length, int flags)");
export const recv = call("recv", "intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)");
export const setns = call("setns", "int setns(int fd, int kind)");

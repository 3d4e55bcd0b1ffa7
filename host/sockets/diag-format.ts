/**
 * The socket dump of Linux as bytes: linux/netlink.h, linux/inet_diag.h, sock_diag(7). All in the machine's own byte
 * order, but for ports and addresses, which are in network order.
 *
 *   nlmsghdr        0 u32 length   4 u16 type   6 u16 flags   8 u32 sequence   12 u32 port
 *
 *   inet_diag_req_v2 (after it)              inet_diag_msg (after it)
 *    0 u8 family                              0 u8 family
 *    1 u8 protocol                            1 u8 state
 *    2 u8 extensions                          2 u8 timer    3 u8 retransmits
 *    4 u32 states, a bit each                 4 inet_diag_sockid
 *    8 inet_diag_sockid                      52 u32 expires, rqueue, wqueue, uid, inode
 *   56 attributes                            72 attributes
 *
 *   inet_diag_sockid    0 u16 local port   2 u16 remote port   4 local address (16)   20 remote address (16)
 *                      36 u32 interface   40 u32 cookie, two
 */
import { endianness } from "node:os";

export const LITTLE_ENDIAN = endianness() === "LE";

export const MESSAGE_HEADER_BYTES = 16;
export const REQUEST_BYTES = 56;
export const SOCKET_BYTES = 72;
/** Messages and attributes begin at multiples of this. */
export const ALIGN_BYTES = 4;

export const SOCK_DIAG_BY_FAMILY = 20;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** What was to follow was lost. */
export const NLMSG_OVERRUN = 4;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_DUMP = 0x300;
/** The table has changed in between such that the dump is not whole. */
export const NLM_F_DUMP_INTR = 0x10;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const IPPROTO_TCP = 6;

/** net/tcp_states.h. */
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_RECV = 3;
export const TCP_FIN_WAIT1 = 4;
export const TCP_FIN_WAIT2 = 5;
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LAST_ACK = 9;
export const TCP_CLOSING = 11;
export const TCP_NEW_SYN_RECV = 12;

export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES;
}

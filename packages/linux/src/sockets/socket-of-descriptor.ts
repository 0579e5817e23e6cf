import { closeSync } from "node:fs";
import { Socket } from "node:net";

import { check } from "../libc/errno-error.ts";
import { dup3, socketpair } from "../libc/libc.ts";
import { SOCK_STREAM_NONBLOCK_CLOEXEC } from "./until-connected.ts";

const AF_UNIX = 1;
const O_CLOEXEC = 0o2_000_000;

/**
 * A stream over a connected socket of any family; takes the descriptor over, also when it fails. Node looks at the family and refuses what is
 * neither IP nor unix, although it then only reads and writes: so it is given a unix socket, in whose place the other is put
 * before anything was asked of it.
 */
export function socketOfDescriptor(fd: number): Socket {
  try {
    const pair = Buffer.alloc(8);
    check(socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0, pair), "making a socket");
    const [stand, other] = [pair.readInt32LE(0), pair.readInt32LE(4)];
    closeSync(other);
    const socket = new Socket({ fd: stand, readable: true, writable: true });
    const replaced = dup3(fd, stand, O_CLOEXEC);
    if (replaced < 0) socket.destroy();
    check(replaced, "making a socket");
    return socket;
  } finally {
    closeSync(fd);
  }
}

import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";

import { check } from "../libc/errno-error.ts";
import { connect, socket } from "../libc/libc.ts";
import { withNetns } from "../namespaces/thread-namespaces.ts";
import { SOCK_STREAM_NONBLOCK_CLOEXEC, untilConnected } from "./until-connected.ts";

const families = { 4: 2, 6: 10 } as const; // AF_INET, AF_INET6

/** Where to connect to inside a network namespace: a port of its own loopback address. */
export interface LoopbackEndpoint {
  /** 127.0.0.1 or ::1. */
  readonly family: 4 | 6;
  /** 1 to 65535. */
  readonly port: number;
}

/** `struct sockaddr_in` or `sockaddr_in6` of the loopback address. */
function loopbackAddress({ family, port }: LoopbackEndpoint): Buffer {
  const address = Buffer.alloc(family === 4 ? 16 : 28);
  address.writeUInt16LE(families[family], 0);
  address.writeUInt16BE(port, 2);
  if (family === 4) address.writeUInt32BE(0x7f00_0001, 4);
  else address.writeUInt8(1, 23);
  return address;
}

/**
 * Connects to a port on the loopback address of the network namespace pinned at `path`. Unavailable when nobody listens;
 * rejects with the signal's reason when it aborts first. The socket belongs to that namespace wherever it is used.
 */
export async function connectInNetns(path: string, endpoint: LoopbackEndpoint, signal?: AbortSignal): Promise<Socket> {
  const doing = `connecting to port ${endpoint.port} in "${path}"`;
  // A socket keeps the namespace that it is made in, so nothing else has to happen inside.
  const fd = withNetns(path, () => check(socket(families[endpoint.family], SOCK_STREAM_NONBLOCK_CLOEXEC, 0), doing));
  try {
    const address = loopbackAddress(endpoint);
    const result = connect(fd, address, address.byteLength);
    if (result !== -constants.errno.EINPROGRESS) check(result, doing);
    await untilConnected(fd, doing, signal);
    return new Socket({ fd, readable: true, writable: true });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

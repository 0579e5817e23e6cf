import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoName } from "../libc/errno-error.ts";
import { connect, socket } from "../libc/libc.ts";
import { socketOfDescriptor } from "./socket-of-descriptor.ts";
import { SOCK_STREAM_NONBLOCK_CLOEXEC, untilConnected } from "./until-connected.ts";

const AF_VSOCK = 40;

/** A port of a virtual machine, vsock(7). */
export interface VsockEndpoint {
  /** Which machine: 1 is this one, 2 the host of this one, more are its guests. */
  readonly cid: number;
  readonly port: number;
}

/** The calls of the kernel that connecting is made of; results as of `declare`. */
export interface VsockKernel {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly connect: (fd: number, address: Uint8Array, length: number) => number;
}

/** `struct sockaddr_vm`: family, two bytes reserved, port and cid; the rest is zero. */
function vsockAddress({ cid, port }: VsockEndpoint): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_VSOCK, 0);
  address.writeUInt32LE(port, 4);
  address.writeUInt32LE(cid, 8);
  return address;
}

/**
 * Connects to a port of a virtual machine. NotFound when there is no such machine; Unavailable when nobody listens there, or when this host
 * has no way to reach machines; rejects with the signal's reason when it aborts first: the kernel itself waits 2 s.
 */
export async function connectVsock(
  endpoint: VsockEndpoint,
  signal?: AbortSignal,
  kernel: VsockKernel = { socket, connect },
): Promise<Socket> {
  const doing = `connecting to port ${endpoint.port} of virtual machine ${endpoint.cid}`;
  signal?.throwIfAborted();
  try {
    const fd = check(kernel.socket(AF_VSOCK, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), doing);
    try {
      const address = vsockAddress(endpoint);
      const result = kernel.connect(fd, address, address.byteLength);
      if (result !== -constants.errno.EINPROGRESS) check(result, doing);
      await untilConnected(fd, doing, signal);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return socketOfDescriptor(fd);
  } catch (error) {
    // No such address, or no such family: this host has no transport for it, for now.
    const isUnable = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETUNREACH", "EHOSTUNREACH"].includes(errnoName(error) ?? "");
    throw isUnable ? new StatusError(Code.Unavailable, (error as Error).message, { cause: error }) : error;
  }
}

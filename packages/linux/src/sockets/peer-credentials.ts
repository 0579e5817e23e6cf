import type { Socket } from "node:net";

import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { getsockopt } from "../libc/libc.ts";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: pid, uid and gid of 32 bits. */
const ucredBytes = 12;

/** Who is at the other end of a Unix socket, as the kernel noted when it connected. */
export interface PeerCredentials {
  /** 0 when this pid namespace does not show the process. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The descriptor of a connected socket, which Node keeps in an undocumented place. */
export function descriptorOf(socket: Socket | number, doing: string): number {
  if (typeof socket === "number") return socket;
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) throw new StatusError(Code.FailedPrecondition, `${doing}: the socket is closed`);
  return fd;
}

/** Tells who connected to a Unix socket; of a socket of another family the ids are those of nobody. */
export function peerCredentials(socket: Socket | number): PeerCredentials {
  const fd = descriptorOf(socket, "examining a peer");
  const value = Buffer.alloc(ucredBytes);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(ucredBytes);
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length), "examining a peer");
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

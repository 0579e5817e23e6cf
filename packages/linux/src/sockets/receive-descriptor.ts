import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import koffi from "koffi";

import { check } from "../libc/errno-error.ts";
import { descriptorOf } from "./peer-credentials.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const firstPauseMs = 1;
const slowestPauseMs = 20;
/** `struct cmsghdr`: size_t cmsg_len, int cmsg_level, int cmsg_type. */
const headerBytes = 16;
/** The sender's text, such as the path of a terminal. */
const dataBytes = 4096;
/** More than one descriptor is a fault, but must not leak. */
const controlBytes = 256;

const iovec = koffi.struct({ iov_base: "void *", iov_len: "size_t" });
const msghdr = koffi.struct({
  msg_name: "void *",
  msg_namelen: "uint32",
  msg_iov: koffi.pointer(iovec),
  msg_iovlen: "size_t",
  msg_control: "void *",
  msg_controllen: "size_t",
  msg_flags: "int",
});
const recvmsgCall = koffi.load(null).func("recvmsg", "long", ["int", koffi.inout(koffi.pointer(msghdr)), "int"]) as (
  fd: number,
  message: Message,
  flags: number,
) => number;

interface Message {
  readonly msg_name: null;
  readonly msg_namelen: number;
  readonly msg_iov: readonly { readonly iov_base: Buffer; readonly iov_len: number }[];
  readonly msg_iovlen: number;
  readonly msg_control: Buffer;
  readonly msg_controllen: number;
  readonly msg_flags: number;
}

/** One message, if there is one: its length, or the negative errno, and the descriptors in it. */
function receive(fd: number): readonly [result: number, descriptors: readonly number[]] {
  const data = Buffer.alloc(dataBytes);
  const control = Buffer.alloc(controlBytes);
  const message: Message = {
    msg_name: null,
    msg_namelen: 0,
    msg_iov: [{ iov_base: data, iov_len: data.length }],
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: control.length,
    msg_flags: 0,
  };
  const result = recvmsgCall(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  // The buffer was zeroes and the kernel wrote from its start, so a length of 0 ends the list.
  return result < 0 ? [-koffi.errno(), []] : [result, descriptorsIn(control)];
}

function descriptorsIn(control: Buffer): readonly number[] {
  const descriptors: number[] = [];
  for (let at = 0; at + headerBytes <= control.length;) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < headerBytes) break;
    const isRights = control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS;
    const end = isRights ? at + length : 0;
    for (let fd = at + headerBytes; fd + 4 <= end; fd += 4) descriptors.push(control.readInt32LE(fd));
    at += Math.ceil(length / 8) * 8;
  }
  return descriptors;
}

/**
 * Receives one descriptor that the other end of a Unix socket sends (SCM_RIGHTS, unix(7)), close-on-exec and the caller's to close. The
 * socket must not have been read from: of a `net.Server`, with `pauseOnConnect`. Looks again every 1 to 20 ms until `signal` aborts,
 * whose reason then rejects. FailedPrecondition when a message comes without a descriptor or with several, or none before the end.
 */
export async function receiveDescriptor(socket: Socket | number, signal: AbortSignal): Promise<number> {
  const doing = "receiving a descriptor";
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, slowestPauseMs)) {
    signal.throwIfAborted();
    const [result, descriptors] = receive(descriptorOf(socket, doing));
    const [only, ...more] = descriptors;
    if (only !== undefined && more.length === 0) return only;
    for (const fd of descriptors) closeSync(fd);
    if (result >= 0) {
      const why =
        more.length > 0 ? "several came" : result === 0 ? "the connection ended" : "a message came without one";
      throw new StatusError(Code.FailedPrecondition, `${doing}: ${why}`);
    }
    if (result !== -constants.errno.EAGAIN) check(result, doing);
    await delay(pauseMs, undefined, { signal });
  }
}

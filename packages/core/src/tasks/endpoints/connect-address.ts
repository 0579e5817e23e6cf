import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { connectVsock } from "@crib/linux";

import { connectHvsock } from "./connect-hvsock.ts";
import { connectUnix } from "./connect-unix.ts";
import { type Address, parseAddress } from "./parse-address.ts";

/** What a guest has for one attempt, in milliseconds: a machine that boots answers late or never, and the next attempt at once. */
const attemptMs = 1_000;
/** Between two attempts, in milliseconds. */
const pauseMs = 20;

/**
 * Connects to an address of a pod. A virtual machine that does not take the connection is tried again until `signal` aborts. NotFound
 * when nobody is there (no unix socket, no such machine), Unavailable when a machine took none of the attempts, InvalidArgument.
 */
export async function connectAddress(address: string, signal: AbortSignal): Promise<Socket> {
  const parsed = parseAddress(address);
  if (parsed.transport === "unix") return await connectUnix(parsed.path, signal);
  let refusal: unknown;
  for (;;) {
    try {
      return await attempt(parsed, AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]));
    } catch (error) {
      const isLasting = hasCode(error, Code.NotFound) || hasCode(error, Code.PermissionDenied);
      if (isLasting) throw error;
      // What the machine said tells more than that the time is over.
      if (!signal.aborted) refusal = error;
      else throw new StatusError(Code.Unavailable, ((refusal ?? error) as Error).message, { cause: refusal ?? error });
      await delay(pauseMs, undefined, { signal }).catch(() => {}); // the next attempt sees the abort
    }
  }
}

function attempt(address: Exclude<Address, { transport: "unix" }>, signal: AbortSignal): Promise<Socket> {
  if (address.transport === "vsock") return connectVsock(address, signal);
  return connectHvsock(address.path, address.port, signal);
}

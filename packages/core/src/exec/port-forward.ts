import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { connectInNetns } from "@crib/linux";

import type { SandboxRecord } from "../sandbox/types.ts";

/** How long one direction may be idle after the other has ended, in milliseconds. */
const lingerMs = 1_000;

/**
 * The network namespace that the ports of a pod are in. FailedPrecondition when the pod is not ready: never the host's
 * instead.
 */
export function netnsOf(record: SandboxRecord): string {
  const { id, state, plan, facts } = record;
  const doing = `forwarding a port of sandbox "${id}"`;
  if (state !== "ready") throw new StatusError(Code.FailedPrecondition, `${doing}: it is ${state}`);
  if (plan.hostNetwork) return "/proc/self/ns/net";
  const path = facts.instance?.namespaces.net ?? plan.namespaces.net;
  if (path === undefined) throw new StatusError(Code.FailedPrecondition, `${doing}: it has no network namespace`);
  return path;
}

/**
 * Connects to a port on the loopback address of a network namespace, over IPv4, then over IPv6. Errors of the first:
 * Unavailable when nobody listens, NotFound when the namespace is closed.
 */
export async function dialPort(netns: string, port: number, signal: AbortSignal): Promise<Socket> {
  try {
    return await connectInNetns(netns, { family: 4, port }, signal);
  } catch (error) {
    if (signal.aborted || hasCode(error, Code.NotFound)) throw error;
    try {
      return await connectInNetns(netns, { family: 6, port }, signal);
    } catch {
      throw error; // the one that a server not listening over IPv6 would be looked for by
    }
  }
}

/**
 * Copies both ways, each with its half-close. When one has ended, the other goes on for as long as it moves, and ends
 * after a second without. Settles when both have ended, on abort, and when either side fails; both are closed then. Never
 * rejects.
 */
export async function joinStreams(near: Duplex, far: Duplex, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let movedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let left = 2;
  const linger = (): void => {
    movedAt = performance.now();
    timer ??= setInterval(() => {
      if (performance.now() - movedAt >= lingerMs) resolve();
    }, lingerMs / 8);
  };
  const copy = (from: Duplex, to: Duplex): void => {
    from.on("data", (chunk: Buffer) => {
      movedAt = performance.now();
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => {
        movedAt = performance.now();
        from.resume();
      });
    });
    from.once("end", () => {
      // Ended only when the other side has taken all of it.
      to.end(() => {
        left -= 1;
        if (left === 0) resolve();
        else linger();
      });
    });
    from.once("error", resolve);
    from.once("close", () => {
      if (!from.readableEnded) resolve();
    });
  };
  copy(near, far);
  copy(far, near);
  const aborted = (): void => resolve();
  signal.addEventListener("abort", aborted, { once: true });
  if (signal.aborted) resolve();
  await promise;
  signal.removeEventListener("abort", aborted);
  clearInterval(timer);
  for (const stream of [near, far]) {
    stream.on("error", () => undefined);
    if (!stream.readableEnded || !stream.writableFinished) stream.destroy();
  }
}

import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import type { CriClient } from "../connect-cri.ts";

/** How a container ended. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
}

/** Milliseconds between two questions: at first, and at most. */
const askMs = { first: 10, most: 250 };
/** Milliseconds that the daemon may be away, being restarted. */
const awayMs = 120_000;

/**
 * Waits until a container has ended. All its output is in its log then. The daemon may be restarted meanwhile. NotFound when the
 * container is removed before its end was seen. Rejects with `signal`.
 */
export async function waitForExit(
  { runtime }: CriClient,
  containerId: string,
  signal?: AbortSignal,
): Promise<ContainerEnd> {
  let waitMs = askMs.first;
  let answeredAt = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    try {
      const { status } = await runtime.containerStatus({ containerId });
      answeredAt = performance.now();
      if (status?.state === ContainerState.CONTAINER_EXITED) {
        return { exitCode: status.exitCode, reason: status.reason, message: status.message };
      }
    } catch (reason) {
      const isAway = hasCode(reason, Code.Unavailable) || hasCode(reason, Code.DeadlineExceeded);
      if (!isAway || performance.now() - answeredAt > awayMs) throw reason;
    }
    await delay(waitMs, undefined, signal ? { signal } : {});
    waitMs = Math.min(waitMs * 1.5, askMs.most);
  }
}

import { create, toBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import {
  type Container,
  ContainerSchema,
  type ContainerUpdate,
  Plugin as PluginService,
  type PodSandbox,
  PodSandboxSchema,
  type SynchronizeRequest,
  SynchronizeRequestSchema,
} from "@crib/wire/nri";

import type { Plugin } from "./plugin.ts";

/** What one message may carry: 4 MiB less what goes around it (service, method, deadline). */
export const maxSynchronizeBytes: number = (4 << 20) - 1024;

/** Tag and length before each object: a byte, and up to four. */
const objectOverheadBytes = 5;

interface Batch {
  readonly pods: PodSandbox[];
  readonly containers: Container[];
}

/**
 * Tells a plugin of everything there is, in as many messages as it takes, all of them within `timeoutMs`. Gives the updates it asks for.
 * Fails when the plugin is lost, refuses, or does not understand that more follows; closing it is the caller's.
 */
export async function synchronize(
  plugin: Plugin,
  set: { readonly pods: readonly PodSandbox[]; readonly containers: readonly Container[] },
  timeoutMs: number,
): Promise<readonly ContainerUpdate[]> {
  const endsAt = performance.now() + timeoutMs;
  const messages = splitSet(set, maxSynchronizeBytes);
  for (const [at, request] of messages.entries()) {
    const outcome = await plugin.call(PluginService.method.synchronize, request, {
      operation: "Synchronize",
      timeoutMs: Math.max(endsAt - performance.now(), 1),
    });
    const doing = `synchronizing plugin "${plugin.fullName}"`;
    if (outcome.kind === "lost") throw new StatusError(Code.Unavailable, `${doing}: ${await plugin.closed}`);
    const { more, update } = outcome.message;
    if (at === messages.length - 1) return update;
    if (!more || update.length > 0) {
      throw new StatusError(
        Code.FailedPrecondition,
        `${doing}: it does not take more than one message, and there are ${messages.length}`,
      );
    }
  }
  return [];
}

/** The set in messages of at most `limitBytes`, `more` on all but the last. An object that is too large by itself is an error. */
export function splitSet(
  set: { readonly pods: readonly PodSandbox[]; readonly containers: readonly Container[] },
  limitBytes: number,
): readonly SynchronizeRequest[] {
  const batches: Batch[] = [{ pods: [], containers: [] }];
  let bytes = 0;
  const roomFor = (size: number, what: string): Batch => {
    const needed = size + objectOverheadBytes;
    if (needed > limitBytes) {
      throw new StatusError(Code.ResourceExhausted, `synchronizing plugins: ${what} takes ${size} bytes`);
    }
    if (bytes + needed > limitBytes) {
      batches.push({ pods: [], containers: [] });
      bytes = 0;
    }
    bytes += needed;
    return batches.at(-1) as Batch;
  };
  for (const pod of set.pods) {
    roomFor(toBinary(PodSandboxSchema, pod).length, `pod "${pod.id}"`).pods.push(pod);
  }
  for (const container of set.containers) {
    const size = toBinary(ContainerSchema, container).length;
    roomFor(size, `container "${container.id}"`).containers.push(container);
  }
  const last = batches.length - 1;
  return batches.map((batch, at) => create(SynchronizeRequestSchema, { ...batch, more: at < last }));
}

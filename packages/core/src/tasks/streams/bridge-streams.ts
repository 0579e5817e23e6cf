import { Code, hasCode } from "@crib/errdefs";

import { waitFor } from "../../flow/budget.ts";
import { changedTasks } from "../table/changed-tasks.ts";
import type { TaskClient } from "../types.ts";
import type { PodStreams } from "./pod-streams.ts";

/**
 * A task client for a pod whose processes have streams instead of FIFOs (sandboxers.md 2.7): callers go on naming FIFOs, which are
 * bridged to streams for as long as the process is known to the task service.
 */
export function bridgeStreams(tasks: TaskClient, streams: PodStreams): TaskClient {
  const change: Partial<TaskClient> = {
    create: (request, signal, call) =>
      overStreams(streams, { id: request.id ?? "", execId: "" }, request, signal, (stdio) =>
        tasks.create({ ...request, ...stdio }, signal, call),
      ),
    exec: (request, signal, call) =>
      overStreams(streams, { id: request.id ?? "", execId: request.execId ?? "" }, request, signal, (stdio) =>
        tasks.exec({ ...request, ...stdio }, signal, call),
      ),
    wait: async (id, execId, signal, call) => {
      try {
        const answer = await tasks.wait(id, execId, signal, call);
        streams.finish({ id, execId });
        return answer;
      } catch (error) {
        if (hasCode(error, Code.NotFound)) streams.finish({ id, execId });
        throw error;
      }
    },
    // The end of the input travels on another way than the input: it must not come before it.
    closeStdin: async (id, execId, signal, call) => {
      await waitFor(streams.drained({ id, execId }), signal);
      await tasks.closeStdin(id, execId, signal, call);
    },
    delete: async (id, execId, signal, call) => {
      try {
        const answer = await tasks.delete(id, execId, signal, call);
        streams.end({ id, execId });
        return answer;
      } catch (error) {
        // One that runs keeps its streams; for one that cannot be asked about, nobody will ask again.
        if (!hasCode(error, Code.FailedPrecondition)) streams.end({ id, execId });
        throw error;
      }
    },
  };
  return changedTasks(tasks, change);
}

interface Stdio {
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

async function overStreams<T>(
  streams: PodStreams,
  owner: { readonly id: string; readonly execId: string },
  { stdin = "", stdout = "", stderr = "" }: Stdio,
  signal: AbortSignal,
  make: (stdio: Required<Stdio>) => Promise<T>,
): Promise<T> {
  const addresses = await streams.begin(owner, { stdin, stdout, stderr }, signal);
  try {
    return await make(addresses);
  } catch (error) {
    // A task that is there already is somebody else's, and its streams were taken over: nothing can be given back.
    streams.end(owner);
    throw error;
  }
}

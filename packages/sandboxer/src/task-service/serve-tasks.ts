import { once } from "node:events";
import { createServer } from "node:net";

import type { DescService } from "@bufbuild/protobuf";
import { StatusError } from "@crib/errdefs";
import { placePrivateSocket } from "@crib/grpc/private-socket";
import { createTtrpcServer, type ServiceHandlers, type TtrpcServer } from "@crib/ttrpc";
import { TaskV2, TaskV3 } from "@crib/wire/task";

import type { TaskApi } from "../tasks/types.ts";
import type { TaskEndpoint } from "../types.ts";

/** What `serveTasks` is given. */
export interface TaskServerOptions {
  /** Absolute path of the unix socket. What is there is replaced if nobody answers on it. A file of this name with `.lock` stays beside it. */
  readonly path: string;
  readonly tasks: TaskApi;
}

/** A task service that listens. Disposing it closes the socket; what runs goes on. */
export interface TaskServer extends AsyncDisposable {
  readonly endpoint: TaskEndpoint;
}

/**
 * Serves a task service over ttrpc on a socket that is only its owner's, in both versions. FailedPrecondition when another that was
 * served by this function holds the path or is about to: of several at the same moment one serves. AlreadyExists when somebody else
 * answers there.
 */
export async function serveTasks(options: TaskServerOptions): Promise<TaskServer> {
  // Not before it is needed: shims import this package too.
  const { lockFile } = await import("@crib/linux");
  await using closing = new AsyncDisposableStack();
  closing.use(lockFile(`${options.path}.lock`));
  const server = createTtrpcServer();
  handleTasks(server, options.tasks);
  closing.defer(await listenTtrpc(server, options.path));
  const open = closing.move();
  return {
    endpoint: { protocol: "ttrpc", address: `unix://${options.path}`, version: 3 },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Adds the task service under the names of versions 2 and 3, whose messages are the same. */
export function handleTasks(server: TtrpcServer, tasks: TaskApi): void {
  const handlers: ServiceHandlers<typeof TaskV3> = Object.fromEntries(
    TaskV3.methods.map(({ localName }) => {
      const method = tasks[localName as keyof TaskApi].bind(tasks) as (request: unknown, call: unknown) => unknown;
      return [
        localName,
        (request: unknown, { signal }: { readonly signal: AbortSignal }) => method(request, { signal }),
      ];
    }),
  );
  for (const service of [TaskV2, TaskV3] as readonly DescService[]) server.handle(service, handlers);
}

/** Listens as `placePrivateSocket` says; what it gives closes the socket and, when calls have had their time, the connections. */
export async function listenTtrpc(server: TtrpcServer, path: string, graceMs = 1_000): Promise<() => Promise<void>> {
  const listener = createServer();
  try {
    const socket = await placePrivateSocket(path, async (temporary) => {
      listener.listen(temporary);
      await once(listener, "listening");
    });
    server.serve(listener);
    return async () => {
      await socket.remove();
      await server.close({ graceMs });
    };
  } catch (reason) {
    listener.close();
    throw StatusError.from(reason, `serving "${path}"`);
  }
}

import { join } from "node:path";

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { GrpcHandlers } from "@crib/grpc";
import type { Controller, ControllerCreateRequest } from "@crib/wire/sandbox";

import { deriveSandbox } from "../derive/derive-sandbox.ts";
import { sandboxExtension } from "../derive/sandbox-request.ts";
import { metricsMessage } from "../messages/metrics-message.ts";
import { specMessage } from "../messages/namespaces-in-spec.ts";
import { statusMessage } from "../messages/status-message.ts";
import { checkSandboxId } from "../sandboxes/check-sandbox-id.ts";
import type { HostedSandboxes } from "../sandboxes/hosted-sandboxes.ts";
import type { Sandbox, TaskEndpoint } from "../types.ts";
import { parseUpdate } from "./parse-update.ts";

/**
 * The nine methods of `containerd.services.sandbox.v1.Controller` (sandboxers.md 2.2). The name of the sandboxer that requests have is not looked at: clients
 * leave it out where they please.
 */
export function controllerHandlers(
  sandboxes: HostedSandboxes,
  directoryOf: (id: string) => string,
): GrpcHandlers<typeof Controller> {
  return {
    async create(request, { signal }) {
      await sandboxes.create(sandboxOf(request, directoryOf), signal);
      return { sandboxId: request.sandboxId };
    },
    async start({ sandboxId }, { signal }) {
      const { instance, endpoint } = await sandboxes.start(sandboxId, signal);
      const spec = specMessage(instance);
      return {
        sandboxId,
        pid: instance.process?.pid ?? 0,
        createdAt: timestampFromDate(instance.createdAt),
        labels: { ...instance.labels },
        ...addressOf(endpoint),
        ...(spec === undefined ? {} : { spec }),
      };
    },
    async platform({ sandboxId }, { signal }) {
      return { platform: await sandboxes.platform(sandboxId, signal) };
    },
    async stop({ sandboxId, timeoutSecs }) {
      await sandboxes.stop(sandboxId, timeoutSecs * 1_000);
      return {};
    },
    async wait({ sandboxId }, { signal }) {
      const { exitCode, exitedAt } = await sandboxes.wait(sandboxId, signal);
      return { exitStatus: exitCode, exitedAt: timestampFromDate(exitedAt) };
    },
    async status({ sandboxId, verbose }, { signal }) {
      const found = await sandboxes.status(sandboxId, { verbose }, signal);
      const isStarted = found.instance !== undefined && found.status.state !== "exited";
      // Where tasks are is told by the way: that it cannot be told must not hide how the sandbox fares.
      const endpoint = isStarted ? await sandboxes.endpointIfTold(sandboxId, signal) : undefined;
      const address = endpoint === undefined ? {} : addressOf(endpoint);
      return { ...statusMessage(sandboxId, found), ...address };
    },
    async shutdown({ sandboxId }) {
      await sandboxes.shutdown(sandboxId);
      return {};
    },
    async metrics({ sandboxId }, { signal }) {
      const metrics = metricsMessage(sandboxId, await sandboxes.metrics(sandboxId, signal));
      return metrics === undefined ? {} : { metrics };
    },
    async update({ sandboxId, sandbox, fields }, { signal }) {
      checkSandboxId(sandboxId, "updating");
      const { tasks, ...change } = parseUpdate(sandbox, fields);
      // An update of nothing still says whether there is such a sandbox.
      if (tasks === undefined || Object.keys(change).length > 0) await sandboxes.update(sandboxId, change, signal);
      if (tasks !== undefined) await sandboxes.setTasks(sandboxId, tasks, signal);
      return {};
    },
  };
}

function sandboxOf(request: ControllerCreateRequest, directoryOf: (id: string) => string): Sandbox {
  const { sandboxId, options, netnsPath, annotations, sandbox } = request;
  checkSandboxId(sandboxId, "creating");
  const described = sandbox?.extensions[sandboxExtension]?.value;
  const directory = directoryOf(sandboxId);
  const derived = {
    sandboxId,
    options,
    netnsPath,
    annotations,
    runtimeHandler: sandbox?.runtime?.name ?? "",
    sandbox: described === undefined ? undefined : Buffer.from(described).toString("utf8"),
  };
  return deriveSandbox(derived, { rootDir: join(directory, "root"), stateDir: join(directory, "state") });
}

function addressOf({ protocol, address, version }: TaskEndpoint): {
  readonly address: string;
  readonly version: number;
} {
  return { address: `${protocol}+${address}`, version };
}

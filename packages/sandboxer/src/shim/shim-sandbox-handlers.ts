import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { StatusError } from "@crib/errdefs";
import type { ServiceHandlers } from "@crib/ttrpc";
import type { CreateSandboxRequest, Sandbox as SandboxService } from "@crib/wire/sandbox";

import { specMessage } from "../messages/namespaces-in-spec.ts";
import { statusMessage } from "../messages/status-message.ts";
import { parseSandbox } from "../sandbox-json.ts";
import { checkSandboxId } from "../sandboxes/check-sandbox-id.ts";
import type { HostedSandboxes } from "../sandboxes/hosted-sandboxes.ts";
import type { Sandbox } from "../types.ts";

/** The methods of `containerd.runtime.sandbox.v1.Sandbox`. `end` is called when the sandbox is shut down, before that is answered. */
export function shimSandboxHandlers(
  sandboxes: HostedSandboxes,
  bundle: string,
  end: () => void,
): ServiceHandlers<typeof SandboxService> {
  return {
    async createSandbox(request, { signal }) {
      checkSandboxId(request.sandboxId, "creating");
      await sandboxes.create(await sandboxOf(request, request.bundlePath || bundle), signal);
      return {};
    },
    async startSandbox({ sandboxId }, { signal }) {
      const { instance } = await sandboxes.start(sandboxId, signal);
      const spec = specMessage(instance);
      return {
        pid: instance.process?.pid ?? 0,
        createdAt: timestampFromDate(instance.createdAt),
        ...(spec === undefined ? {} : { spec }),
      };
    },
    async platform({ sandboxId }, { signal }) {
      return { platform: await sandboxes.platform(sandboxId, signal) };
    },
    async stopSandbox({ sandboxId, timeoutSecs }) {
      await sandboxes.stop(sandboxId, timeoutSecs * 1_000);
      return {};
    },
    async waitSandbox({ sandboxId }, { signal }) {
      const { exitCode, exitedAt } = await sandboxes.wait(sandboxId, signal);
      return { exitStatus: exitCode, exitedAt: timestampFromDate(exitedAt) };
    },
    async sandboxStatus({ sandboxId, verbose }, { signal }) {
      return statusMessage(sandboxId, await sandboxes.status(sandboxId, { verbose }, signal));
    },
    pingSandbox: () => ({}),
    async shutdownSandbox({ sandboxId }) {
      await sandboxes.shutdown(sandboxId);
      end();
      return {};
    },
    async sandboxMetrics({ sandboxId }, { signal }) {
      const metrics = await sandboxes.metrics(sandboxId, signal);
      if (metrics === undefined) return {};
      const { metricsMessage } = await import("../messages/metrics-message.ts");
      const message = metricsMessage(sandboxId, metrics);
      return message === undefined ? {} : { metrics: message };
    },
  };
}

/** As crib describes it in the bundle; else made of the request. */
async function sandboxOf(request: CreateSandboxRequest, bundle: string): Promise<Sandbox> {
  const { sandboxId, options, netnsPath, annotations } = request;
  const described = await readIfThere(join(bundle, "sandbox.json"));
  if (described !== undefined) {
    const sandbox = parseSandbox(described, `the bundle of "${sandboxId}"`);
    if (sandbox.id === sandboxId) return sandbox;
  }
  // The messages of CRI take their time to load, and crib's pods do without.
  const { deriveSandbox } = await import("../derive/derive-sandbox.ts");
  const places = { rootDir: join(bundle, "root"), stateDir: join(bundle, "state") };
  const derived = { sandboxId, options, netnsPath, annotations, runtimeHandler: "", sandbox: undefined };
  return deriveSandbox(derived, places);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw StatusError.from(reason, `reading "${file}"`);
  }
}

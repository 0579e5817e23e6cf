import { join } from "node:path";

import { bootId } from "@crib/linux";

import { type FoundRecords, RecordStore } from "../records/record-store.ts";
import { HostedSandboxes } from "../sandboxes/hosted-sandboxes.ts";
import { defaultDeadlines, type EndpointOf, type SandboxerLog } from "../sandboxes/types.ts";
import { serveTasks } from "../task-service/serve-tasks.ts";
import type { SandboxerOptions } from "./serve-sandboxer.ts";

/** Serves tasks where there are any, and takes over what an earlier process has left. */
export async function openSandboxes(
  options: SandboxerOptions,
  log: SandboxerLog,
  closing: AsyncDisposableStack,
): Promise<{
  readonly sandboxes: HostedSandboxes;
  readonly records: RecordStore;
  readonly unreadable: FoundRecords["unreadable"];
}> {
  const { controller, stateDir, deadlines } = options;
  const records = new RecordStore(join(stateDir, "sandboxes"));
  const found = await records.readAll();
  for (const { id, keptAs, reason } of found.unreadable) {
    log("error", "the record of a sandbox cannot be read", { sandboxId: id, keptAs, error: reason.message });
  }
  const endpointOf = await endpoints(options, closing);
  const sandboxes = new HostedSandboxes({
    controller,
    records,
    endpointOf,
    deadlines: { ...defaultDeadlines, ...deadlines },
    log,
    bootId: bootId(),
  });
  closing.defer(() => sandboxes.close());
  sandboxes.recover(found.records);
  return { sandboxes, records, unreadable: found.unreadable };
}

async function endpoints(
  { tasks, controller, stateDir }: SandboxerOptions,
  closing: AsyncDisposableStack,
): Promise<EndpointOf> {
  if (tasks === undefined) return (id, signal) => controller.endpoint(id, signal);
  const { endpoint } = closing.use(await serveTasks({ path: join(stateDir, "task.sock"), tasks }));
  return () => Promise.resolve(endpoint);
}

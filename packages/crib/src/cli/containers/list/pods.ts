import { withClient } from "../../endpoint.ts";
import { drawTable } from "../../images/draw-table.ts";
import { shortId } from "../../images/short-id.ts";
import { escapeControls, printJson } from "../../print-json.ts";
import { listInventory, type NamedPod } from "../find-container.ts";
import { formatAge } from "./format-age.ts";
import type { ListOptions } from "./list-options.ts";

/** A pod with what only its status tells. */
export interface PodRow {
  readonly pod: NamedPod;
  readonly addresses: readonly string[];
  /** How many containers run, and how many there are. */
  readonly running: number;
  readonly containers: number;
}

/** Prints all pods, the newest first. */
export async function podsCommand(options: ListOptions): Promise<void> {
  const rows = await withClient(options, async (client) => {
    const { pods, containers } = await listInventory(client);
    return await Promise.all(
      pods.map(async (pod): Promise<PodRow> => {
        const own = containers.filter((container) => container.pod.id === pod.id);
        // One that is removed at this moment is shown without.
        const answer = await client.runtime.podSandboxStatus({ podSandboxId: pod.id }).catch(() => undefined);
        const network = answer?.status?.network;
        const addresses = [network?.ip ?? "", ...(network?.additionalIps ?? []).map(({ ip }) => ip)];
        return {
          pod,
          addresses: addresses.filter((address) => address !== ""),
          running: own.filter(({ state }) => state === 1).length,
          containers: own.length,
        };
      }),
    );
  });
  if (options.format === "json") printJson(rows.map(toJson));
  else if (options.quiet) for (const { pod } of rows) console.log(pod.id);
  else for (const line of drawPods(rows)) console.log(line);
}

/** The table of `crib pods`. */
export function drawPods(rows: readonly PodRow[], nowMs: number = Date.now()): readonly string[] {
  const lines = rows.map(({ pod, addresses, running, containers }) => [
    shortId(pod.id),
    pod.namespace,
    pod.name,
    pod.isReady ? "ready" : "notready",
    `${running}/${containers}`,
    addresses[0] ?? "",
    pod.handler,
    formatAge(pod.createdAt, nowMs),
  ]);
  const heading = ["POD ID", "NAMESPACE", "NAME", "STATE", "RUNNING", "ADDRESS", "HANDLER", "AGE"];
  return drawTable([heading, ...lines]).map(escapeControls);
}

function toJson({ pod, addresses, running, containers }: PodRow): unknown {
  const { id, name, namespace, uid, isReady, createdAt, handler, labels, annotations } = pod;
  return {
    id,
    name,
    namespace,
    uid,
    state: isReady ? "ready" : "notready",
    addresses,
    containers: { running, all: containers },
    runtimeHandler: handler,
    createdAt: new Date(Number(createdAt / 1_000_000n)).toISOString(),
    labels,
    annotations,
  };
}

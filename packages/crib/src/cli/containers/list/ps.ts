import type { CriClient } from "@crib/cri-client";
import { ContainerState } from "@crib/wire/cri";

import { withClient } from "../../endpoint.ts";
import { drawTable } from "../../images/draw-table.ts";
import { shortId } from "../../images/short-id.ts";
import { escapeControls, printJson } from "../../print-json.ts";
import { listInventory, type NamedContainer, podPath } from "../find-container.ts";
import { formatAge } from "./format-age.ts";
import type { ListOptions } from "./list-options.ts";
import { stateName } from "./state-name.ts";

/** The flags of `crib ps`. */
export interface PsOptions extends ListOptions {
  /** Also those that do not run. */
  readonly all?: true;
}

/** Prints the containers that run, or all, the newest first. */
export async function psCommand(options: PsOptions): Promise<void> {
  const rows = await withClient(options, async (client) => {
    const { containers } = await listInventory(client);
    const shown = containers.filter(({ state }) => options.all || state === ContainerState.CONTAINER_RUNNING);
    return await Promise.all(shown.map(async (container) => ({ container, ...(await exitOf(client, container)) })));
  });
  if (options.format === "json") printJson(rows.map(toJson));
  else if (options.quiet) for (const { container } of rows) console.log(container.id);
  else for (const line of drawContainers(rows)) console.log(line);
}

/** A container and, when it has ended, how. */
export interface ContainerRow {
  readonly container: NamedContainer;
  readonly exitCode?: number;
  readonly reason?: string;
}

/** The table of `crib ps`. */
export function drawContainers(rows: readonly ContainerRow[], nowMs: number = Date.now()): readonly string[] {
  const lines = rows.map(({ container, exitCode, reason }) => {
    const { id, name, pod, image, state, createdAt } = container;
    const ending = exitCode === undefined ? "" : ` (${exitCode}${reason && exitCode !== 0 ? ` ${reason}` : ""})`;
    const state_ = `${stateName(state)}${ending}`;
    return [
      shortId(id),
      podPath(pod),
      name,
      image.replace(/^sha256:/, "").slice(0, 48),
      state_,
      formatAge(createdAt, nowMs),
    ];
  });
  return drawTable([["CONTAINER ID", "POD", "NAME", "IMAGE", "STATE", "AGE"], ...lines]).map(escapeControls);
}

async function exitOf(
  { runtime }: CriClient,
  { id, state }: NamedContainer,
): Promise<Pick<ContainerRow, "exitCode" | "reason">> {
  if (state !== ContainerState.CONTAINER_EXITED) return {};
  // One that is removed at this moment is shown without.
  const answer = await runtime.containerStatus({ containerId: id }).catch(() => undefined);
  return answer?.status ? { exitCode: answer.status.exitCode, reason: answer.status.reason } : {};
}

function toJson({ container, exitCode, reason }: ContainerRow): unknown {
  const { id, name, attempt, image, state, createdAt, labels, pod } = container;
  return {
    id,
    name,
    attempt,
    pod: { id: pod.id, name: pod.name, namespace: pod.namespace },
    image,
    state: stateName(state),
    createdAt: new Date(Number(createdAt / 1_000_000n)).toISOString(),
    ...(exitCode !== undefined && { exitCode, reason }),
    labels,
  };
}

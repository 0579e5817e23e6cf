import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { HeldNode, NriHost, NriLog } from "@crib/nri";
import type { RuntimeSpec } from "@crib/oci-spec";
import type { Container, ContainerUpdate } from "@crib/wire/nri";

import type { ContainerRecord } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { fromNriResources, notUpdatable } from "./convert/from-resources.ts";
import { toNriContainer } from "./convert/to-container.ts";
import { toNriPod } from "./convert/to-pod.ts";
import type { PluginGate } from "./plugin-gate.ts";
import type { NriHooksDeps, PluginUpdate } from "./types.ts";

/** How long an update, or an eviction, that a plugin asks for may take. */
const requestMs = 60_000;

/** The pods and containers of this daemon, as plugins reach them. */
export function createNriHost(gate: PluginGate, deps: NriHooksDeps): NriHost {
  return {
    hold: (signal) => hold(gate, deps, signal),
    update: async (updates) => {
      const failed = await Promise.all([...byContainer(updates).values()].map((list) => applyInOrder(list, deps)));
      return failed.flat();
    },
    evict: ({ containerId }) => deps.stop(containerId, AbortSignal.timeout(requestMs)),
  };
}

/** An update in crib's words; undefined for one that changes nothing. What cannot be changed is logged. */
export function toPluginUpdate(update: ContainerUpdate, log: NriLog): PluginUpdate | undefined {
  const { containerId, ignoreFailure, linux } = update;
  if (linux?.resources === undefined) return undefined;
  const left = notUpdatable(linux.resources);
  if (left.length > 0)
    log("warn", "NRI update has limits that do not change while a container runs", { containerId, left });
  return { containerId, resources: fromNriResources(linux.resources), ignoreFailure };
}

async function hold(gate: PluginGate, deps: NriHooksDeps, signal: AbortSignal): Promise<HeldNode> {
  const release = await gate.hold(signal);
  try {
    const pods = deps.sandboxes().filter(isKnown).map(toNriPod);
    const records = deps.containers().filter(isLive);
    const containers = await Promise.all(records.map((record) => describe(record, deps)));
    return { pods, containers, release };
  } catch (error) {
    release();
    throw error;
  }
}

function isKnown({ state }: SandboxRecord): boolean {
  return state !== "creating" && state !== "removing";
}

function isLive({ state, facts }: ContainerRecord): boolean {
  const isEnded = state === "exited" || state === "removing" || facts.exit !== undefined;
  return state !== "creating" && !isEnded;
}

async function describe(record: ContainerRecord, deps: NriHooksDeps): Promise<Container> {
  try {
    const text = await deps.spec(record.id);
    return toNriContainer(record, text === undefined ? undefined : (JSON.parse(text) as RuntimeSpec));
  } catch (error) {
    // One damaged bundle must not keep plugins out.
    deps.log("warn", "specification not read for NRI plugins", {
      containerId: record.id,
      why: StatusError.from(error).message,
    });
    return toNriContainer(record, undefined);
  }
}

function byContainer(updates: readonly ContainerUpdate[]): ReadonlyMap<string, readonly ContainerUpdate[]> {
  return Map.groupBy(updates, ({ containerId }) => containerId);
}

/** Gives back those that failed. A container that is not there has nothing to be updated. */
async function applyInOrder(
  updates: readonly ContainerUpdate[],
  deps: NriHooksDeps,
): Promise<readonly ContainerUpdate[]> {
  const failed: ContainerUpdate[] = [];
  for (const update of updates) {
    const wanted = toPluginUpdate(update, deps.log);
    if (wanted === undefined) continue;
    try {
      await deps.update(wanted.containerId, wanted.resources, AbortSignal.timeout(requestMs));
    } catch (error) {
      if (hasCode(error, Code.NotFound)) continue;
      const { containerId } = wanted;
      deps.log("warn", "update for NRI plugin failed", { containerId, why: StatusError.from(error).message });
      failed.push(update);
    }
  }
  return failed;
}

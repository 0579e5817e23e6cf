import type { ContainerResources } from "../types.ts";

/** Limits after a change: what the change does not set stays as it was. */
export function mergeContainerResources(old: ContainerResources, change: ContainerResources): ContainerResources {
  const set = Object.entries(change).filter(([, value]) => value !== undefined);
  return {
    ...old,
    ...(Object.fromEntries(set) as unknown as ContainerResources),
    hugepageLimits: change.hugepageLimits.length > 0 ? change.hugepageLimits : old.hugepageLimits,
    unified: { ...old.unified, ...change.unified },
  };
}

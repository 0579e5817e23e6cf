import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { pinNamespaces, pinNamespacesInUserns, sysctlNamespace, unpinNamespace } from "@crib/linux";

import { ownerOf } from "../sandbox-id.ts";
import { markerEnv } from "../strays.ts";
import type { SandboxPlan } from "../types.ts";
import type { SandboxStepContext } from "./types.ts";

/** Makes the pod's namespaces and keeps each alive by a bind mount, with `lo` up, host name and sysctls set. */
export async function pin({ id, plan, deps, signal, midpoint }: SandboxStepContext): Promise<void> {
  const { net, ipc, uts, user } = plan.namespaces;
  await Promise.all(
    [net, ipc].flatMap((path) => (path === undefined ? [] : [mkdir(dirname(path), { recursive: true, mode: 0o755 })])),
  );
  const request = {
    ...(net === undefined || plan.declares.netns === "controller" ? {} : { net }),
    ...(ipc === undefined ? {} : { ipc }),
    ...(uts === undefined ? {} : { uts, hostname: plan.hostname }),
    loopbackUp: !deps.loopbackPlugin,
    sysctls: ownSysctls(plan),
  };
  if (user !== undefined && plan.userNamespace) {
    const { uids, gids } = plan.userNamespace;
    const helperEnv = markerEnv(ownerOf(id) ?? "", id);
    const mappings = { uidMappings: uids, gidMappings: gids };
    await pinNamespacesInUserns({ ...request, user, ...mappings, helperEnv, whileHeld: midpoint }, signal);
  } else {
    await midpoint();
    pinNamespaces(request);
  }
}

/**
 * Those of the namespaces that are made here; the others are set by the controller that makes theirs. One of the host stays among them, to be
 * refused by its name.
 */
function ownSysctls({ sysctls, namespaces, declares }: SandboxPlan): Readonly<Record<string, string>> {
  const isElsewhere = (name: string): boolean => {
    const kind = sysctlNamespace(name);
    if (kind === "net") return declares.netns === "controller";
    return kind !== undefined && namespaces[kind] === undefined && declares.pins?.includes(kind) === false;
  };
  return Object.fromEntries(Object.entries(sysctls).filter(([name]) => !isElsewhere(name)));
}

/** Lets go of all of them; the kernel frees each with its last user. Absence is success. */
export async function unpin({ plan, midpoint }: SandboxStepContext): Promise<void> {
  const paths = Object.values(plan.namespaces).filter((path) => path !== undefined);
  for (const path of paths) {
    await unpinNamespace(path);
    await midpoint();
  }
}

import { access } from "node:fs/promises";

import type { Sandbox } from "@crib/sandboxer";

import { allowedOomScoreAdj } from "./oom-score.ts";
import { pauseSeccomp } from "./pause-seccomp.ts";
import { pauseSpec } from "./pause-spec.ts";
import type { PauseRoot, PauseRoots, PodsandboxHandler, RootfsMount } from "./types.ts";

/** What kubelet and containerd give a pod's own process: it is the last to be killed for memory. */
const wantedOomScoreAdj = -998;

/** What a pause container is made of. */
export interface PauseBundle {
  /** The OCI specification as JSON. */
  readonly specJson: string;
  /** What the shim mounts on the bundle's `rootfs` before the runtime is called. */
  readonly rootfsMounts: readonly RootfsMount[];
}

/** The specification of a pod's pause process on this host; the root file system it needs is there. */
export async function preparePauseBundle(
  pauseRoots: PauseRoots,
  sandbox: Sandbox,
  handler: PodsandboxHandler,
  signal: AbortSignal,
): Promise<PauseBundle> {
  const [seccomp, oomScoreAdj, hasSelinux, hasResolvConf] = await Promise.all([
    pauseSeccomp(sandbox.security.seccomp),
    allowedOomScoreAdj(wantedOomScoreAdj),
    exists("/sys/fs/selinux/enforce"),
    exists(`${sandbox.rootDir}/resolv.conf`),
  ]);
  // Alone and last: were it still at work when another part has failed, it would hold a root that nobody gives back.
  const root = await pauseRoots.prepare(sandbox.id, signal);
  const shared = sandbox.namespaces.user === undefined ? sharedDirectory(root) : undefined;
  const spec = pauseSpec(sandbox, {
    rootfs: shared ?? "rootfs",
    args: root.args,
    env: root.env,
    cwd: root.cwd,
    user: root.user,
    oomScoreAdj,
    seccomp,
    hasSelinux,
    hasResolvConf,
    systemdCgroup: handler.options["SystemdCgroup"] === true,
  });
  return { specJson: JSON.stringify(spec), rootfsMounts: shared === undefined ? root.mounts : [] };
}

/**
 * The directory that is the root as it lies, so that nothing has to be mounted. The root of a user namespace cannot pass
 * through the daemon's own directory: its pods see theirs in the bundle.
 */
function sharedDirectory({ mounts: [first, ...others] }: PauseRoot): string | undefined {
  return first?.type === "bind" && others.length === 0 ? first.source : undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // whatever keeps it from being read keeps it from being used
  }
}

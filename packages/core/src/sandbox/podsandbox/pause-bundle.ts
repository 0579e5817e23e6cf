import { access } from "node:fs/promises";

import type { Sandbox } from "@crib/sandboxer";

import { allowedOomScoreAdj } from "./oom-score.ts";
import { pausePath, type PauseRootfs } from "./pause-rootfs.ts";
import { pauseSeccomp } from "./pause-seccomp.ts";
import { pauseSpec } from "./pause-spec.ts";
import type { PodsandboxHandler } from "./types.ts";

/** What kubelet and containerd give a pod's own process: it is the last to be killed for memory. */
const wantedOomScoreAdj = -998;

/** What a pause container is made of. */
export interface PauseBundle {
  /** The OCI specification as JSON. */
  readonly specJson: string;
  /** What the shim mounts on the bundle's `rootfs` before the runtime is called. */
  readonly rootfsMounts: readonly RootfsMount[];
}

/** A mount as the task service takes it. */
export interface RootfsMount {
  readonly type: string;
  readonly source: string;
  readonly options: string[];
}

/** The specification of a pod's pause process on this host; the root file system it needs is there. */
export async function preparePauseBundle(
  pause: { readonly rootfs: PauseRootfs; readonly args: readonly string[] },
  sandbox: Sandbox,
  handler: PodsandboxHandler,
): Promise<PauseBundle> {
  const [rootfs, seccomp, oomScoreAdj, hasSelinux, hasResolvConf] = await Promise.all([
    pause.rootfs.ensure(),
    pauseSeccomp(sandbox.security.seccomp),
    allowedOomScoreAdj(wantedOomScoreAdj),
    exists("/sys/fs/selinux/enforce"),
    exists(`${sandbox.rootDir}/resolv.conf`),
  ]);
  // The root of a user namespace cannot pass through the daemon's own directory: its pods see the rootfs in their
  // bundle.
  const isInBundle = sandbox.namespaces.user !== undefined;
  const spec = pauseSpec(sandbox, {
    rootfs: isInBundle ? "rootfs" : rootfs,
    args: [pausePath, ...pause.args],
    oomScoreAdj,
    seccomp,
    hasSelinux,
    hasResolvConf,
    systemdCgroup: handler.options["SystemdCgroup"] === true,
  });
  const rootfsMounts = isInBundle ? [{ type: "bind", source: rootfs, options: ["rbind", "ro"] }] : [];
  return { specJson: JSON.stringify(spec), rootfsMounts };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // whatever keeps it from being read keeps it from being used
  }
}

import { access } from "node:fs/promises";

import type { Sandbox } from "@crib/sandboxer";

import { allowedOomScoreAdj } from "./oom-score.ts";
import { ensurePauseRootfs, pausePath } from "./pause-rootfs.ts";
import { pauseSeccomp } from "./pause-seccomp.ts";
import { pauseSpec } from "./pause-spec.ts";
import type { PodsandboxHandler, PodsandboxOptions } from "./types.ts";

/** What kubelet and containerd give a pod's own process: it is the last to be killed for memory. */
const wantedOomScoreAdj = -998;

/** The OCI specification of a pod's pause process on this host, as JSON; the root file system it names is there. */
export async function preparePauseSpec(
  options: Pick<PodsandboxOptions, "rootDir" | "pauseCommand">,
  sandbox: Sandbox,
  handler: PodsandboxHandler,
): Promise<string> {
  const [program, ...args] = options.pauseCommand;
  const [rootfs, seccomp, oomScoreAdj, hasSelinux, hasResolvConf] = await Promise.all([
    ensurePauseRootfs(options.rootDir, program),
    pauseSeccomp(sandbox.security.seccomp),
    allowedOomScoreAdj(wantedOomScoreAdj),
    exists("/sys/fs/selinux/enforce"),
    exists(`${sandbox.rootDir}/resolv.conf`),
  ]);
  const spec = pauseSpec(sandbox, {
    rootfs,
    args: [pausePath, ...args],
    oomScoreAdj,
    seccomp,
    hasSelinux,
    hasResolvConf,
    systemdCgroup: handler.options["SystemdCgroup"] === true,
  });
  return JSON.stringify(spec);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // whatever keeps it from being read keeps it from being used
  }
}

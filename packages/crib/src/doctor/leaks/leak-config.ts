import { join } from "node:path";

import type { DaemonConfig } from "../../daemon/config/types.ts";
import type { LeakConfig } from "./types.ts";

/** Where a daemon of this configuration leaves things. */
export function leakConfigOf({ root, state, socket, cni, runtime, runtimes, images }: DaemonConfig): LeakConfig {
  const handlers = Object.values(runtimes);
  const handlerDirs = handlers.map(({ cniConfDir }) => cniConfDir).filter((dir) => dir !== "");
  const runtimeRoots = handlers.map(({ options }) => options["Root"]).filter((dir) => typeof dir === "string");
  return {
    root,
    state,
    socket,
    netnsDir: runtime.netnsDir,
    cniConfDirs: [...new Set([cni.confDir, ...handlerDirs])],
    ipamDirs: ["/var/lib/cni/networks", join(root, "cni", "networks")],
    keepPartialsMs: images.keepPartialsMs,
    runtimeRoots: [...new Set(["/run/containerd/runc", ...runtimeRoots])],
  };
}

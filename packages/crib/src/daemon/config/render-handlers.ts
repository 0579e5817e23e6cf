import type { RuntimeHandler } from "@crib/core";
import type { SandboxerConfig } from "@crib/core/proxy";

import { formatDuration } from "./duration.ts";
import type { Values } from "./render-config.ts";
import { formatSize } from "./size.ts";

/** The keys of a `[runtimes.NAME]` table. */
export function handlerEntries(handler: RuntimeHandler): Values {
  const { containerAnnotations, networks, overhead, snapshotOptions, features } = handler;
  return {
    controller: handler.controller,
    runtime_type: handler.runtimeType,
    runtime_path: handler.runtimePath,
    options: { ...handler.options },
    pause: handler.pause,
    prestart: handler.prestart,
    cni_conf_dir: handler.cniConfDir,
    cni_max_conf_num: handler.cniMaxConfNum,
    networks: networks && [...networks],
    pod_annotations: [...handler.podAnnotations],
    container_annotations: containerAnnotations && [...containerAnnotations],
    namespace_paths: handler.namespacePaths,
    network: handler.network,
    overhead: overhead && overheadEntries(overhead),
    snapshot_options: snapshotOptions && [...snapshotOptions],
    old_runtime: handler.oldRuntime,
    features: features && {
      ...(features.recursiveReadOnlyMounts !== undefined && {
        recursive_read_only_mounts: features.recursiveReadOnlyMounts,
      }),
      ...(features.userNamespaces !== undefined && { user_namespaces: features.userNamespaces }),
    },
  };
}

/** The keys of a `[sandboxers.NAME]` table. */
export function sandboxerEntries(sandboxer: SandboxerConfig): Values {
  return {
    address: `unix://${sandboxer.address}`,
    network: sandboxer.network,
    namespace_paths: sandboxer.namespacePaths,
    task_updates: sandboxer.taskUpdates,
    io: sandboxer.io,
    pending_grace: formatDuration(sandboxer.pendingGraceMs),
  };
}

function overheadEntries(overhead: NonNullable<RuntimeHandler["overhead"]>): Record<string, string | number> {
  const { cpuQuota, cpuPeriod, cpuShares, memoryLimitBytes } = overhead;
  return {
    ...(cpuQuota !== undefined && { cpu_quota: cpuQuota }),
    ...(cpuPeriod !== undefined && { cpu_period: cpuPeriod }),
    ...(cpuShares !== undefined && { cpu_shares: cpuShares }),
    ...(memoryLimitBytes !== undefined && { memory: formatSize(memoryLimitBytes) }),
  };
}

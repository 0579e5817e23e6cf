import { posix } from "node:path";

import type { RuntimeHandler } from "@crib/core";
import type { SandboxerConfig } from "@crib/core/proxy";

import { parseDuration } from "./duration.ts";
import type { ConfigFile } from "./file-schema.ts";
import { parseSize } from "./size.ts";

type HandlerTable = NonNullable<ConfigFile["runtimes"]>[string];

/** Fills in what the tables leave open. Without any table there is the one handler `runc`. */
export function resolveHandlers(file: Pick<ConfigFile, "runtimes" | "cni">): Readonly<Record<string, RuntimeHandler>> {
  const handlers: Record<string, RuntimeHandler> = {};
  for (const [name, table] of Object.entries(file.runtimes ?? { runc: {} })) {
    handlers[name] = {
      name,
      controller: table.controller ?? "podsandbox",
      runtimeType: table.runtime_type ?? "io.containerd.runc.v2",
      runtimePath: table.runtime_path ?? "",
      options: table.options ?? {},
      pause: table.pause ?? "auto",
      prestart: table.prestart ?? true,
      cniConfDir: table.cni_conf_dir ?? "",
      cniMaxConfNum: table.cni_max_conf_num ?? file.cni?.max_conf_num ?? 1,
      podAnnotations: table.pod_annotations ?? [],
      ...(table.container_annotations && { containerAnnotations: table.container_annotations }),
      ...(table.namespace_paths && { namespacePaths: table.namespace_paths }),
      ...(table.network && { network: table.network }),
      ...(table.networks && { networks: table.networks }),
      ...(table.overhead && { overhead: resolveOverhead(table.overhead) }),
      ...(table.snapshot_options && { snapshotOptions: table.snapshot_options }),
      oldRuntime: table.old_runtime ?? "warn",
      ...(table.features && { features: resolveFeatures(table.features) }),
    };
  }
  return handlers;
}

/** Fills in what the tables leave open. */
export function resolveSandboxers(tables: ConfigFile["sandboxers"]): Readonly<Record<string, SandboxerConfig>> {
  const sandboxers: Record<string, SandboxerConfig> = {};
  for (const [name, table] of Object.entries(tables ?? {})) {
    sandboxers[name] = {
      name,
      address: posix.normalize(table.address.replace(/^unix:\/\//, "")),
      network: table.network ?? "before-start",
      namespacePaths: table.namespace_paths ?? "explicit",
      taskUpdates: table.task_updates ?? "auto",
      io: table.io ?? "auto",
      pendingGraceMs: parseDuration(table.pending_grace ?? "30s") ?? 0,
    };
  }
  return sandboxers;
}

function resolveOverhead(table: NonNullable<HandlerTable["overhead"]>): NonNullable<RuntimeHandler["overhead"]> {
  const memoryLimitBytes = table.memory === undefined ? undefined : parseSize(table.memory);
  return {
    ...(table.cpu_quota !== undefined && { cpuQuota: table.cpu_quota }),
    ...(table.cpu_period !== undefined && { cpuPeriod: table.cpu_period }),
    ...(table.cpu_shares !== undefined && { cpuShares: table.cpu_shares }),
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
  };
}

function resolveFeatures(table: NonNullable<HandlerTable["features"]>): NonNullable<RuntimeHandler["features"]> {
  return {
    ...(table.recursive_read_only_mounts !== undefined && {
      recursiveReadOnlyMounts: table.recursive_read_only_mounts,
    }),
    ...(table.user_namespaces !== undefined && { userNamespaces: table.user_namespaces }),
  };
}

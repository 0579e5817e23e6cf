import { posix } from "node:path";

import { parseDuration } from "./duration.ts";
import type { ConfigFile } from "./file-schema.ts";
import { parseSize } from "./size.ts";
import type { ContainersConfig, MetricsConfig, NriConfig, StreamingConfig } from "./types.ts";

/** Fills in what the table leaves open. */
export function resolveContainers(containers: ConfigFile["containers"]): ContainersConfig {
  const limit = containers?.log_limit ?? "";
  return {
    maxLogLineBytes: parseSize(containers?.max_log_line_size ?? "16KiB") ?? 0,
    ...(limit !== "" && {
      logLimit: { bytesPerSecond: parseSize(limit) ?? 0, over: containers?.log_over_limit ?? "block" },
    }),
    execSyncDrainMs: parseDuration(containers?.exec_sync_drain ?? "1s") ?? 0,
    spec: {
      cdiSpecDirs: containers?.cdi_spec_dirs ?? ["/etc/cdi", "/var/run/cdi"],
      ignoreImageDefinedVolumes: containers?.ignore_image_volumes ?? false,
      tolerateMissingHugetlb: containers?.tolerate_missing_hugetlb ?? true,
      privilegedWithoutHostDevices: containers?.privileged_without_host_devices ?? false,
      cgroupWritable: containers?.cgroup_writable ?? false,
      rlimits: containers?.rlimits ?? {},
      blockioConfigFile: containers?.blockio_config_file ?? "",
      rdtConfigFile: containers?.rdt_config_file ?? "",
    },
  };
}

/** Fills in what the table leaves open. */
export function resolveStreaming(streaming: ConfigFile["streaming"]): StreamingConfig {
  const cert = streaming?.tls_cert ?? "";
  const key = streaming?.tls_key ?? "";
  return {
    address: streaming?.address ?? "127.0.0.1",
    port: streaming?.port ?? 0,
    baseUrl: streaming?.base_url ?? "",
    ...((cert !== "" || key !== "") && { tls: { cert, key } }),
    idleMs: parseDuration(streaming?.idle_timeout ?? "4h") ?? 0,
    creationMs: parseDuration(streaming?.creation_timeout ?? "30s") ?? 0,
  };
}

/** Fills in what the table leaves open. `state` is the volatile directory. */
export function resolveNri(nri: ConfigFile["nri"], state: string): NriConfig {
  const socket = nri?.socket ?? "";
  return {
    enable: nri?.enable ?? true,
    socket: posix.normalize(socket === "" ? posix.join(state, "nri.sock") : socket),
    pluginDir: nri?.plugin_dir ?? "/opt/nri/plugins",
    pluginConfigDir: nri?.plugin_config_dir ?? "/etc/nri/conf.d",
    registrationTimeoutMs: parseDuration(nri?.registration_timeout ?? "5s") ?? 0,
    requestTimeoutMs: parseDuration(nri?.request_timeout ?? "2s") ?? 0,
    synchronizeTimeoutMs: parseDuration(nri?.synchronize_timeout ?? "10s") ?? 0,
    maxConcurrentEvents: nri?.max_concurrent_events ?? 32,
    disableConnections: nri?.disable_connections ?? false,
    defaultValidator: resolveValidator(nri?.default_validator),
  };
}

function resolveValidator(
  validator: NonNullable<ConfigFile["nri"]>["default_validator"],
): NriConfig["defaultValidator"] {
  return {
    enable: validator?.enable ?? false,
    rejectOciHooks: validator?.reject_oci_hooks ?? false,
    rejectRuntimeDefaultSeccomp: validator?.reject_runtime_default_seccomp ?? false,
    rejectUnconfinedSeccomp: validator?.reject_unconfined_seccomp ?? false,
    rejectCustomSeccomp: validator?.reject_custom_seccomp ?? false,
    rejectNamespaces: validator?.reject_namespaces ?? false,
    rejectSysctls: validator?.reject_sysctls ?? false,
    requiredPlugins: validator?.required_plugins ?? [],
    tolerateMissingAnnotation: validator?.tolerate_missing_annotation ?? "",
  };
}

/** Fills in what the table leaves open. */
export function resolveMetrics(metrics: ConfigFile["metrics"]): MetricsConfig {
  return { address: metrics?.address ?? "" };
}

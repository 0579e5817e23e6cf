import { stringify } from "smol-toml";
import type { z } from "zod";

import { formatDuration } from "./duration.ts";
import { fileSchema, tables } from "./file-schema.ts";
import { handlerEntries, sandboxerEntries } from "./render-handlers.ts";
import { formatSize } from "./size.ts";
import type { ContainersConfig, DaemonConfig, ImageLimits, NriConfig } from "./types.ts";

type Scalar = string | number | boolean;
type Value = Scalar | readonly Scalar[] | Readonly<Record<string, Scalar | Readonly<Record<string, Scalar>>>>;
/** Keys of a table with their values; what is undefined is left out. */
export type Values = Readonly<Record<string, Value | undefined>>;

/** The configuration as a TOML file with a comment on every key; reading it gives the same configuration. */
export function renderConfig(config: DaemonConfig): string {
  const { cni, runtime, registry, images, streaming, nri, flow, log } = config;
  const blocks = [
    entries(fileSchema, { root: config.root, state: config.state, socket: config.socket }),
    table("cni", "cni", {
      conf_dir: cni.confDir,
      bin_dirs: [...cni.binDirs],
      max_conf_num: cni.maxConfNum,
      loopback: cni.loopback,
      ip_preference: cni.ipPreference,
      gc: cni.gc,
      ...(cni.defaultNetwork === false && { default_network: false }),
    }),
    cni.defaultNetwork && table("cni.default_network", "cni.default_network", { ...cni.defaultNetwork }),
    table("runtime", "runtime", {
      default_handler: runtime.defaultHandler,
      netns_dir: runtime.netnsDir,
      shim_cgroup: runtime.shimCgroup,
      pause_binary: runtime.pauseBinary,
      cgroup_driver: runtime.cgroupDriver,
    }),
    ...Object.values(config.runtimes).map((each) =>
      table("runtimes.NAME", `runtimes.${each.name}`, handlerEntries(each)),
    ),
    ...Object.values(config.sandboxers).map((each) =>
      table("sandboxers.NAME", `sandboxers.${each.name}`, sandboxerEntries(each)),
    ),
    table("registry", "registry", {
      config_path: [...registry.configPaths],
      auth_files: [...registry.authFiles],
      requests_per_host: registry.requestsPerHost,
      tries: registry.tries,
      retry_min: formatDuration(registry.retryMinMs),
      stall_timeout: formatDuration(registry.stallMs),
      retry_after_limit: formatDuration(registry.retryAfterLimitMs),
      redirects: registry.redirects,
    }),
    table("images", "images", {
      pause_image: images.pauseImage,
      max_concurrent_downloads: images.maxConcurrentDownloads,
      max_total_downloads: images.maxTotalDownloads,
      unpack_workers: images.unpackWorkers,
      sync: images.sync,
      keep_partials: formatDuration(images.keepPartialsMs),
      progress_timeout: formatDuration(images.progressTimeoutMs),
    }),
    table("images.limits", "images.limits", limitEntries(images.limits)),
    table("containers", "containers", containerEntries(config.containers)),
    table("streaming", "streaming", {
      address: streaming.address,
      port: streaming.port,
      base_url: streaming.baseUrl,
      tls_cert: streaming.tls?.cert ?? "",
      tls_key: streaming.tls?.key ?? "",
      idle_timeout: formatDuration(streaming.idleMs),
      creation_timeout: formatDuration(streaming.creationMs),
    }),
    table("nri", "nri", {
      enable: nri.enable,
      socket: nri.socket,
      plugin_dir: nri.pluginDir,
      plugin_config_dir: nri.pluginConfigDir,
      registration_timeout: formatDuration(nri.registrationTimeoutMs),
      request_timeout: formatDuration(nri.requestTimeoutMs),
      synchronize_timeout: formatDuration(nri.synchronizeTimeoutMs),
      max_concurrent_events: nri.maxConcurrentEvents,
      disable_connections: nri.disableConnections,
    }),
    table("nri.default_validator", "nri.default_validator", validatorEntries(nri.defaultValidator)),
    table("metrics", "metrics", {
      address: config.metrics.address,
    }),
    table("flow", "flow", {
      budgets: durations(flow.budgetsMs),
      undo_budgets: durations(flow.undoBudgetsMs),
      run_pod_sandbox_budget: formatDuration(flow.runPodSandboxBudgetMs),
      retry_min: formatDuration(flow.retryMinMs),
      retry_max: formatDuration(flow.retryMaxMs),
    }),
    table("log", "log", { ...log }),
  ];
  return blocks.filter((block) => block !== false).join("\n");
}

function limitEntries(limits: ImageLimits): Values {
  return {
    manifest_size: formatSize(limits.manifestBytes),
    config_size: formatSize(limits.configBytes),
    manifests: limits.manifests,
    layers: limits.layers,
    unpacked_size: formatSize(limits.unpackedBytes),
    entries: limits.entries,
    header_size: formatSize(limits.headerBytes),
    path_size: formatSize(limits.pathBytes),
  };
}

function containerEntries({ spec, ...containers }: ContainersConfig): Values {
  const { logLimit } = containers;
  return {
    max_log_line_size: formatSize(containers.maxLogLineBytes),
    log_limit: logLimit ? formatSize(logLimit.bytesPerSecond) : "",
    log_over_limit: logLimit?.over ?? "block",
    exec_sync_drain: formatDuration(containers.execSyncDrainMs),
    ignore_image_volumes: spec.ignoreImageDefinedVolumes,
    tolerate_missing_hugetlb: spec.tolerateMissingHugetlb,
    privileged_without_host_devices: spec.privilegedWithoutHostDevices,
    cgroup_writable: spec.cgroupWritable,
    rlimits: Object.fromEntries(Object.entries(spec.rlimits).map(([name, limit]) => [name, { ...limit }])),
    cdi_spec_dirs: [...spec.cdiSpecDirs],
    blockio_config_file: spec.blockioConfigFile,
    rdt_config_file: spec.rdtConfigFile,
  };
}

function validatorEntries(validator: NriConfig["defaultValidator"]): Values {
  return {
    enable: validator.enable,
    reject_oci_hooks: validator.rejectOciHooks,
    reject_runtime_default_seccomp: validator.rejectRuntimeDefaultSeccomp,
    reject_unconfined_seccomp: validator.rejectUnconfinedSeccomp,
    reject_custom_seccomp: validator.rejectCustomSeccomp,
    reject_namespaces: validator.rejectNamespaces,
    reject_sysctls: validator.rejectSysctls,
    required_plugins: [...validator.requiredPlugins],
    tolerate_missing_annotation: validator.tolerateMissingAnnotation,
  };
}

function table(schemaName: string, name: string, values: Values): string {
  const schema = tables[schemaName];
  const [outer = "", inner] = schemaName.split(".");
  const title =
    inner !== undefined && inner !== "NAME" && outer !== "cni"
      ? tables[outer]?.shape[inner]?.description
      : fileSchema.shape[schemaName as keyof typeof fileSchema.shape]?.description;
  return `${title === undefined ? "" : `# ${title}\n`}[${name}]\n${entries(schema, values)}`;
}

function entries(schema: z.ZodObject | undefined, values: Values): string {
  let text = "";
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const description = schema?.shape[key]?.description;
    if (description !== undefined) text += `# ${description}\n`;
    text += `${key} = ${inline(value)}\n`;
  }
  return text;
}

/** A value on one line; tables too, so that a comment can stand above each key. */
function inline(value: Value): string {
  if (typeof value === "object" && !Array.isArray(value)) {
    const pairs = Object.entries(value).map(([key, each]) =>
      typeof each === "object" ? `${key} = ${inline(each)}` : stringify({ [key]: each }).trim(),
    );
    return pairs.length ? `{ ${pairs.join(", ")} }` : "{}";
  }
  return stringify({ value }).trim().slice("value = ".length);
}

function durations(budgets: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(budgets).map(([step, ms]) => [step, formatDuration(ms)]));
}

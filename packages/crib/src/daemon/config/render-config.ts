import { stringify } from "smol-toml";
import type { z } from "zod";

import { formatDuration } from "./duration.ts";
import { fileSchema, tables } from "./file-schema.ts";
import { formatSize } from "./size.ts";
import type { DaemonConfig, ImageLimits } from "./types.ts";

type Scalar = string | number | boolean;
type Value = Scalar | readonly Scalar[] | Readonly<Record<string, Scalar>>;
type Values = Readonly<Record<string, Value | undefined>>;

/** The configuration as a TOML file with a comment on every key; reading it gives the same configuration. */
export function renderConfig(config: DaemonConfig): string {
  const { cni, runtime, registry, images, flow, log } = config;
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
      table("runtimes.NAME", `runtimes.${each.name}`, {
        controller: each.controller,
        runtime_type: each.runtimeType,
        runtime_path: each.runtimePath,
        options: { ...each.options },
        pause: each.pause,
        cni_conf_dir: each.cniConfDir,
        cni_max_conf_num: each.cniMaxConfNum,
        pod_annotations: [...each.podAnnotations],
        network: each.network,
      }),
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

function table(schemaName: string, name: string, values: Values): string {
  const schema = tables[schemaName];
  const title =
    schemaName === "images.limits"
      ? tables["images"]?.shape["limits"]?.description
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
    const pairs = Object.entries(value).map(([key, each]) => stringify({ [key]: each }).trim());
    return pairs.length ? `{ ${pairs.join(", ")} }` : "{}";
  }
  return stringify({ value }).trim().slice("value = ".length);
}

function durations(budgets: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(budgets).map(([step, ms]) => [step, formatDuration(ms)]));
}

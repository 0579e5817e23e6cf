import { Code, hasCode } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";
import * as z from "zod";

import { containers, metrics, nri, nriValidator, streaming } from "./container-schema.ts";
import {
  handler,
  handlerFeatures,
  handlerName,
  networkName,
  overhead,
  sandboxer,
  sandboxerName,
} from "./handler-schema.ts";
import {
  absolutePath,
  count,
  duration,
  optionalPath,
  positiveCount,
  positiveDuration,
  positiveSize,
} from "./values.ts";

const imageReference = z.string().refine((text) => text === "" || isReference(text), {
  error: 'expected the name of an image such as "registry.k8s.io/pause:3.10", or ""',
});

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (reason) {
    if (hasCode(reason, Code.InvalidArgument)) return false;
    throw reason;
  }
}

/** As the kernel allows interface names (dev_valid_name in net/core/dev.c), without those that need quoting. */
const interfaceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/, { error: "expected an interface name of 1 to 15 letters and digits" });

const defaultNetwork = z.strictObject({
  name: networkName.optional().describe("Name of the CNI network."),
  subnet: z
    .cidrv4({ error: 'expected an IPv4 range such as "10.88.0.0/16"' })
    .optional()
    .describe("IPv4 range of the pods."),
  bridge: interfaceName.optional().describe("Name of the host's bridge interface."),
});

const cni = z.strictObject({
  conf_dir: absolutePath.optional().describe("Directory of the CNI configurations."),
  bin_dirs: z.array(absolutePath).min(1).optional().describe("Directories of the plugins; the first match wins."),
  max_conf_num: count.optional().describe("How many configurations a pod is attached to; 0 is all."),
  loopback: z.enum(["native", "plugin"]).optional().describe('Who brings "lo" up: "native" (crib) or "plugin".'),
  ip_preference: z
    .enum(["ipv4", "ipv6", "cni"])
    .optional()
    .describe('Which address is the first: "ipv4", "ipv6", or "cni" (as the plugins order them).'),
  gc: z
    .boolean()
    .optional()
    .describe("Run the plugins' GC at the start; only where no other runtime uses the same networks."),
  default_network: z
    .union([z.boolean(), defaultNetwork], { error: "expected true, false or a table" })
    .optional()
    .describe("A bridge network provided by crib: false, true, or { name, subnet, bridge }."),
});

const runtime = z.strictObject({
  default_handler: handlerName.optional().describe("Handler of pods that name none; one of [runtimes.NAME]."),
  netns_dir: absolutePath.optional().describe("Where network namespaces are pinned, as crib-ID."),
  shim_cgroup: absolutePath.optional().describe("Cgroup that shims are moved to, so that they outlive the daemon."),
  pause_binary: optionalPath.optional().describe('A static pause program; "" finds one (catatonit, pause, tini).'),
  cgroup_driver: z.enum(["cgroupfs", "systemd"]).optional().describe('"cgroupfs" or "systemd"; told to the kubelet.'),
});

const flow = z.strictObject({
  budgets: z
    .record(z.string(), positiveDuration)
    .optional()
    .describe('Time budgets of steps by name, such as "network.attach" = "60s".'),
  undo_budgets: z.record(z.string(), positiveDuration).optional().describe("The same for undoing a step."),
  run_pod_sandbox_budget: positiveDuration.optional().describe("Time budget of a whole RunPodSandbox."),
  retry_min: positiveDuration.optional().describe("Time before the first retry of a failed undo; doubled each time."),
  retry_max: positiveDuration.optional().describe("Longest time between two retries."),
});

const registry = z.strictObject({
  config_path: z
    .union(
      [
        z.string().refine((paths) => paths.split(":").every((path) => path.startsWith("/")), {
          error: 'expected absolute paths with ":" between them',
        }),
        z.array(absolutePath),
      ],
      { error: 'expected absolute paths: a list, or a text with ":" between them' },
    )
    .optional()
    .describe("Directories of HOST/hosts.toml for mirrors and certificates; the first that has the host wins."),
  auth_files: z
    .array(absolutePath)
    .optional()
    .describe("Files of credentials as docker login writes them; the first that has the registry wins."),
  requests_per_host: positiveCount.max(1_000).optional().describe("Requests that run at a time on one host."),
  tries: positiveCount.max(100).optional().describe("Tries of one request on one host."),
  retry_min: positiveDuration.optional().describe("Time before the second try; doubled for each further one."),
  stall_timeout: positiveDuration
    .optional()
    .describe("Time without a byte after which a transfer is given up and tried again."),
  retry_after_limit: duration.optional().describe("The longest wait that a registry may ask for; a longer one fails."),
  redirects: count.max(100).optional().describe("Redirects that are followed for one request."),
});

const imageLimits = z.strictObject({
  manifest_size: positiveSize.optional().describe("A manifest or index."),
  config_size: positiveSize.optional().describe("The configuration of an image."),
  manifests: positiveCount.optional().describe("Manifests of an index."),
  layers: positiveCount.optional().describe("Layers of an image."),
  unpacked_size: positiveSize.optional().describe("One layer, uncompressed."),
  entries: positiveCount.optional().describe("Files and directories of one layer."),
  header_size: positiveSize.optional().describe("One long name, or attributes of one file, in a layer."),
  path_size: positiveSize.optional().describe("A path inside a layer."),
});

const images = z.strictObject({
  pause_image: imageReference.optional().describe('Image of pause processes; "" is built in and needs no registry.'),
  max_concurrent_downloads: positiveCount
    .max(100)
    .optional()
    .describe("Layers of one image that are transferred at a time."),
  max_total_downloads: positiveCount.max(1_000).optional().describe("The same of all images together."),
  unpack_workers: positiveCount.max(64).optional().describe("Layers of all images that are unpacked at a time."),
  sync: z
    .boolean()
    .optional()
    .describe("Whether an image is synced to the disk before it is there; false may lose it in a power cut."),
  keep_partials: duration.optional().describe("How long what was transferred of a failed pull is kept to be resumed."),
  progress_timeout: positiveDuration.optional().describe("Time without a byte after which a whole pull fails."),
  limits: imageLimits.optional().describe("What an image may be at most; real ones stay far below."),
});

const log = z.strictObject({
  level: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal"])
    .optional()
    .describe("trace, debug, info, warn, error or fatal."),
  format: z.enum(["auto", "json", "text"]).optional().describe('"auto" is text on a terminal, else JSON lines.'),
});

/** The configuration file. Each key's description is printed by `crib config`. */
export const fileSchema = z.strictObject({
  root: absolutePath.optional().describe("Persistent data."),
  state: absolutePath.optional().describe("Volatile data, best on a tmpfs."),
  socket: absolutePath.optional().describe("CRI socket; default: crib.sock in the state directory."),
  cni: cni.optional().describe("How pods get their network."),
  runtime: runtime.optional().describe("What is the same for all runtime handlers."),
  runtimes: z.record(handlerName, handler).optional().describe("One table for each runtime handler (RuntimeClass)."),
  sandboxers: z
    .record(sandboxerName, sandboxer)
    .optional()
    .describe("One table for each sandboxer: a controller that is a process of its own."),
  registry: registry.optional().describe("How registries are reached."),
  images: images.optional().describe("How images are pulled and kept."),
  containers: containers.optional().describe("How containers are made."),
  streaming: streaming.optional().describe("The server of exec, attach and port-forward."),
  nri: nri.optional().describe("Plugins over the Node Resource Interface."),
  metrics: metrics.optional().describe("Figures for monitoring."),
  flow: flow.optional().describe("Time budgets."),
  log: log.optional().describe("What is logged."),
});

/** The parsed configuration file: keys as written, all optional. */
export type ConfigFile = z.infer<typeof fileSchema>;

/** The tables of the file by their dotted path, with the keys each may hold. */
export const tables: Readonly<Record<string, z.ZodObject>> = {
  "": fileSchema,
  cni,
  "cni.default_network": defaultNetwork,
  runtime,
  "runtimes.NAME": handler,
  "runtimes.NAME.overhead": overhead,
  "runtimes.NAME.features": handlerFeatures,
  "sandboxers.NAME": sandboxer,
  registry,
  images,
  "images.limits": imageLimits,
  containers,
  streaming,
  nri,
  "nri.default_validator": nriValidator,
  metrics,
  flow,
  log,
};

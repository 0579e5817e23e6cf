import * as z from "zod";

import { count, optionalPath, positiveDuration, positiveSize } from "./values.ts";

/** As Kubernetes allows RuntimeClass handlers (a DNS label). */
export const handlerName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: "expected lower-case letters, digits and '-'" });

/** As the CNI specification allows network names. */
export const networkName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, { error: "expected letters, digits, '.', '_' and '-'" });

/** When a pod is attached to its networks. */
const networkTurn = z.enum(["parallel", "before-create", "before-start", "after-start"]);

/** How containers name namespaces that whoever made them does not name. */
const namespacePaths = z.enum(["explicit", "proc"]);

/** Names of controllers that are crib's own. */
const ownControllers = ["podsandbox", "shim", "docker"];

/** The name of a sandboxer, by which handlers name it as their controller. */
export const sandboxerName = handlerName.refine((name) => !ownControllers.includes(name), {
  error: `${ownControllers.map((name) => `"${name}"`).join(", ")} are controllers of crib's own`,
});

/** Options of overlayfs that leave every layer, and what a container has changed, readable as crib reads them. */
const allowedSnapshotOption = /^(volatile|(index|nfs_export)=(on|off)|xino=(on|off|auto)|uuid=(on|off|null|auto))$/;

/** Options of overlayfs that do not, and why; a user should not have to guess. */
const refusedSnapshotOptions: Readonly<Record<string, string>> = {
  metacopy: "files that are changed in part would be missing from checkpoints",
  redirect_dir: "directories that are renamed would be missing from checkpoints",
  userxattr: "directories that a layer replaces would come back",
};

const snapshotOption = z.string().superRefine((option, context) => {
  if (allowedSnapshotOption.test(option)) return;
  const [name = ""] = option.split("=", 1);
  const why = Object.hasOwn(refusedSnapshotOptions, name) ? refusedSnapshotOptions[name] : undefined;
  const known = "volatile, index=on|off, nfs_export=on|off, xino=on|off|auto, uuid=on|off|null|auto";
  context.addIssue({ code: "custom", message: why ?? `expected one of ${known}` });
});

/** What a boundary needs beside its containers. */
export const overhead = z.strictObject({
  cpu_quota: z.number().int().min(1_000).optional().describe("Microseconds of processor time in each period."),
  cpu_period: z.number().int().min(1_000).max(1_000_000).optional().describe("The period, in microseconds."),
  cpu_shares: z.number().int().min(2).max(262_144).optional().describe("Weight against other pods."),
  memory: positiveSize.optional().describe("Memory."),
});

/** What pods of a handler can have, where crib cannot ask its runtime. */
export const handlerFeatures = z.strictObject({
  recursive_read_only_mounts: z.boolean().optional().describe("Mounts that are read-only all the way down."),
  user_namespaces: z.boolean().optional().describe("User namespaces."),
});

/** A runtime handler. */
export const handler = z.strictObject({
  controller: handlerName.optional().describe('Who builds the boundary: "podsandbox", "shim", or a sandboxer.'),
  runtime_type: z
    .string()
    .regex(/^(\/[^\0]+|[A-Za-z0-9]+(\.[A-Za-z0-9_-]+){2,})$/, {
      error: 'expected a name such as "io.containerd.runc.v2"',
    })
    .optional()
    .describe("Name of the Runtime v2 shim."),
  runtime_path: optionalPath.optional().describe('Path of the shim; "" finds it by runtime_type.'),
  options: z
    .record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean()], { error: "expected a text, a number, true or false" }),
    )
    .optional()
    .describe("Options for the shim: BinaryName, Root, SystemdCgroup, ...; of others than runc's, TypeUrl too."),
  pause: z
    .enum(["auto", "always"])
    .optional()
    .describe('A pause process: "auto" (only where the PID namespace is shared) or "always".'),
  prestart: z
    .boolean()
    .optional()
    .describe(
      "Whether the shim of a pod without pause starts with the pod, and the task of a container is made before it is started.",
    ),
  cni_conf_dir: optionalPath.optional().describe('CNI configurations of this handler; "" uses those of [cni].'),
  cni_max_conf_num: count.optional().describe("How many of them a pod is attached to; 0 is all."),
  networks: z
    .array(networkName)
    .min(1)
    .optional()
    .describe("Networks of its CNI configurations that pods may choose from by annotation."),
  pod_annotations: z.array(z.string()).optional().describe("Globs of pod annotations that reach the runtime."),
  container_annotations: z.array(z.string()).optional().describe("The same of containers' annotations."),
  namespace_paths: namespacePaths
    .optional()
    .describe(
      'Of controller "shim": how containers name namespaces that it does not name: an error, or "/proc/0/ns/...".',
    ),
  network: networkTurn.optional().describe("When the network is attached, if not when the controller wants it."),
  overhead: overhead.optional().describe("What the boundary needs; of pods that say nothing of it themselves."),
  snapshot_options: z
    .array(snapshotOption)
    .optional()
    .describe('Options of overlayfs for its containers\' root file systems, such as "volatile".'),
  old_runtime: z
    .enum(["warn", "refuse"])
    .optional()
    .describe(
      '"refuse": no pod runs with a runc or crun older than the fixes of known vulnerabilities; "warn": they do.',
    ),
  features: handlerFeatures.optional().describe("What its pods can have, where crib cannot ask the runtime."),
});

/** A sandboxer: a process that builds boundaries, reached over gRPC. */
export const sandboxer = z.strictObject({
  address: z
    .string()
    .regex(/^(unix:\/\/)?\/[^\0]+$/, {
      error: 'expected an absolute path, or a text such as "unix:///run/vmm-sandboxer.sock"',
    })
    .describe("Its socket."),
  network: networkTurn.optional().describe("When pods get their network."),
  namespace_paths: namespacePaths
    .optional()
    .describe('How containers name namespaces that it made and does not name: an error, or "/proc/0/ns/..." for it.'),
  task_updates: z
    .enum(["auto", "on", "off"])
    .optional()
    .describe('Whether it is told of tasks; "auto": until it says that it does not know that.'),
  io: z
    .enum(["auto", "fifo", "streaming"])
    .optional()
    .describe('How the streams of tasks travel; "auto": as FIFOs where it is on this host.'),
  pending_grace: positiveDuration
    .optional()
    .describe("How long pods are still shown as ready while it cannot be reached."),
});

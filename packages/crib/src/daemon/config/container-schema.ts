import * as z from "zod";

import { absolutePath, count, optionalPath, positiveCount, positiveDuration, positiveSize } from "./values.ts";

/** `RLIMIT_NOFILE` and so on, of getrlimit(2). */
const rlimitName = z
  .string()
  .regex(
    /^RLIMIT_(AS|CORE|CPU|DATA|FSIZE|LOCKS|MEMLOCK|MSGQUEUE|NICE|NOFILE|NPROC|RSS|RTPRIO|RTTIME|SIGPENDING|STACK)$/,
    {
      error: 'expected the name of a limit such as "RLIMIT_NOFILE"',
    },
  );
const rlimit = z.strictObject({ soft: z.number().int().min(0), hard: z.number().int().min(0) });

/** How containers are made. */
export const containers = z.strictObject({
  max_log_line_size: positiveSize.optional().describe("Longer lines of a container's log are cut into parts."),
  log_limit: z
    .union([z.literal(""), positiveSize], { error: 'expected a size such as "1MiB", or ""' })
    .optional()
    .describe('Output that one container may log in a second; "" is no limit.'),
  log_over_limit: z
    .enum(["block", "drop"])
    .optional()
    .describe('Over the limit: the container waits ("block"), or loses output and the log says how much ("drop").'),
  exec_sync_drain: positiveDuration
    .optional()
    .describe("How long ExecSync waits for output that a child of the command keeps open."),
  ignore_image_volumes: z.boolean().optional().describe("Leave volumes that images declare alone."),
  tolerate_missing_hugetlb: z
    .boolean()
    .optional()
    .describe("Run containers with limits of huge pages where there is no such controller."),
  privileged_without_host_devices: z.boolean().optional().describe("Privileged containers get no host devices."),
  cgroup_writable: z.boolean().optional().describe("Unprivileged containers may write their cgroup's files."),
  rlimits: z
    .record(rlimitName, rlimit)
    .optional()
    .describe("Limits of processes: RLIMIT_NOFILE = { soft = 1024, hard = 524288 }, ..."),
  cdi_spec_dirs: z.array(absolutePath).optional().describe("Directories of CDI device specifications; later ones win."),
  blockio_config_file: optionalPath.optional().describe('Classes of block I/O; "" refuses them.'),
  rdt_config_file: optionalPath.optional().describe('Classes of RDT; "" refuses them.'),
});

/** The server of exec, attach and port-forward. */
export const streaming = z.strictObject({
  address: z.string().min(1).optional().describe("Address that exec, attach and port-forward are served at."),
  port: count.max(65_535).optional().describe("Its port; 0 is any free one."),
  base_url: z
    .union([z.literal(""), z.url({ protocol: /^https?$/ })], {
      error: 'expected a URL such as "https://node:10250", or ""',
    })
    .optional()
    .describe('URL that clients reach it by, where it is not the address; "" is the address.'),
  tls_cert: optionalPath.optional().describe('Certificate of the server (PEM); "" serves without TLS.'),
  tls_key: optionalPath.optional().describe("Its key (PEM)."),
  idle_timeout: positiveDuration.optional().describe("Time without a byte after which a session ends."),
  creation_timeout: positiveDuration.optional().describe("Time that a client has to open its streams."),
});

/** The default validator of NRI. */
export const nriValidator = z.strictObject({
  enable: z.boolean().optional().describe("Refuse the adjustments below."),
  reject_oci_hooks: z.boolean().optional().describe("OCI hooks."),
  reject_runtime_default_seccomp: z.boolean().optional().describe("Changes of the runtime's default seccomp profile."),
  reject_unconfined_seccomp: z.boolean().optional().describe("Seccomp profiles where the pod has none."),
  reject_custom_seccomp: z.boolean().optional().describe("Changes of a profile of the node."),
  reject_namespaces: z.boolean().optional().describe("Other namespaces."),
  reject_sysctls: z.boolean().optional().describe("Kernel settings."),
  required_plugins: z.array(z.string()).optional().describe("Plugins without which no container is created."),
  tolerate_missing_annotation: z
    .string()
    .optional()
    .describe('Annotation of pods that may do without them; "" is none.'),
});

/** Plugins over NRI. */
export const nri = z.strictObject({
  enable: z.boolean().optional().describe("Let NRI plugins see and adjust pods and containers."),
  socket: optionalPath.optional().describe('Socket that plugins connect to; "" is nri.sock in the state directory.'),
  plugin_dir: absolutePath.optional().describe("Directory of plugins that crib starts."),
  plugin_config_dir: absolutePath.optional().describe("Directory of their configurations."),
  registration_timeout: positiveDuration.optional().describe("Time that a plugin has to register."),
  request_timeout: positiveDuration.optional().describe("Time that a plugin has for one event; then it is dropped."),
  synchronize_timeout: positiveDuration.optional().describe("Time that a plugin has to take in what runs."),
  max_concurrent_events: positiveCount.max(100).optional().describe("Events that one plugin may have at a time."),
  disable_connections: z.boolean().optional().describe("No socket: only plugins that crib starts."),
  default_validator: nriValidator.optional().describe("What plugins may not adjust."),
});

/** Prometheus. */
export const metrics = z.strictObject({
  address: z
    .union([z.literal(""), z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):[0-9]{1,5}$/)], {
      error: 'expected an address such as "127.0.0.1:9338", or ""',
    })
    .optional()
    .describe('Address that metrics for Prometheus are served at, under /metrics; "" serves none.'),
});

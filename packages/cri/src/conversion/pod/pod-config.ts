import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { SandboxPlan } from "@crib/core/sandbox";
import { type PodSandboxConfig, PodSandboxConfigSchema } from "@crib/wire/cri";

import { sorted } from "../sorted.ts";

/**
 * A pod configuration in binary form, the same bytes for equal configurations: protobuf leaves the order of map
 * entries open, and clients in Go send another one each time.
 */
export function encodePodConfig(config: PodSandboxConfig): Uint8Array {
  const { linux } = config;
  return toBinary(PodSandboxConfigSchema, {
    ...config,
    labels: sorted(config.labels),
    annotations: sorted(config.annotations),
    ...(linux && {
      linux: {
        ...linux,
        sysctls: sorted(linux.sysctls),
        ...(linux.resources && { resources: { ...linux.resources, unified: sorted(linux.resources.unified) } }),
        ...(linux.overhead && { overhead: { ...linux.overhead, unified: sorted(linux.overhead.unified) } }),
      },
    }),
  });
}

/** The configuration that a pod was asked for with; an empty one when the record's cannot be read. */
export function decodePodConfig(plan: Pick<SandboxPlan, "config">): PodSandboxConfig {
  try {
    return fromBinary(PodSandboxConfigSchema, Buffer.from(plan.config, "base64"));
  } catch {
    // A damaged copy must not hide the pod from the client that has to remove it.
    return create(PodSandboxConfigSchema);
  }
}

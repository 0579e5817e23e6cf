import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { cgroupExists, cgroupLayout } from "@crib/linux";
import { cgroupsV1, cgroupsV2 } from "@crib/wire/cgroups";

import type { RuncTask } from "../tasks/runc-task.ts";
import { cgroupSource } from "./cgroup-source.ts";
import { metricsV1 } from "./metrics-v1.ts";
import { metricsV2 } from "./metrics-v2.ts";

/** What the container's cgroup counts, in the message of the machine's version of cgroups. NotFound when it has none (any more). */
export async function taskMetrics({ id, parts }: RuncTask): Promise<Any> {
  const { cgroup } = parts;
  if (cgroup === undefined || !(await cgroupExists(cgroup))) {
    throw new StatusError(Code.NotFound, `reading metrics of task "${id}": cgroup does not exist`);
  }
  const source = cgroupSource(cgroup);
  // As containerd decides it: version 1 wherever any controller is.
  const isUnified = cgroupLayout().version === 2;
  const value = isUnified
    ? toBinary(cgroupsV2.MetricsSchema, await metricsV2(source))
    : toBinary(cgroupsV1.MetricsSchema, await metricsV1(source));
  const { typeName } = isUnified ? cgroupsV2.MetricsSchema : cgroupsV1.MetricsSchema;
  return create(AnySchema, { typeUrl: typeName, value });
}

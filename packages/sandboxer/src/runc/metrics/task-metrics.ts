import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";

import type { RuncTask } from "../tasks/runc-task.ts";

/** What the container's cgroup counts. NotFound when it has none any more. */
export async function taskMetrics({ id }: RuncTask): Promise<Any> {
  throw new StatusError(Code.Unimplemented, `reading metrics of task "${id}": not yet`);
}

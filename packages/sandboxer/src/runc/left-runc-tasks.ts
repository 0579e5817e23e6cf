import { readdir } from "node:fs/promises";
import { dirname } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { taskDirectory } from "./tasks/task-record.ts";
import type { RuncTasksOptions } from "./types.ts";

/** The ids of tasks of which something is there, for `cleanUpRuncTask`. While a service has them, they are that service's. */
export async function leftRuncTasks(options: Pick<RuncTasksOptions, "stateDir">): Promise<readonly string[]> {
  const directory = dirname(taskDirectory(options, "any"));
  try {
    return await readdir(directory);
  } catch (reason) {
    const known = StatusError.from(reason, `listing tasks in "${directory}"`);
    if (hasCode(known, Code.NotFound)) return [];
    throw known;
  }
}

import { readFileSync } from "node:fs";

import { StatusError } from "@crib/errdefs";

/** Where the runtime has put a container, read while its init process waits: the cgroup's path below the roots of the trees. */
export function containerCgroup(pid: number): string | undefined {
  const file = `/proc/${pid}/cgroup`;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw StatusError.from(error, `reading "${file}"`);
  }
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== undefined && path !== undefined)
      for (const name of controllers.split(",")) paths.set(name, path);
  }
  // The unified tree, named by nothing, may be mounted beside others and be unused.
  const path = paths.get("memory") ?? paths.get("pids") ?? paths.get("cpu") ?? paths.get("");
  return path === "/" || path === undefined || path.startsWith("/..") ? undefined : path;
}

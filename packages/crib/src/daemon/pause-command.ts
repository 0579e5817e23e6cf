import { access, constants } from "node:fs/promises";
import { basename } from "node:path";

/** Where Debian and others install a static program that can be a pod's first process. */
const candidates = ["/usr/bin/catatonit", "/usr/libexec/podman/catatonit", "/usr/libexec/catatonit/catatonit"];

/** The pause program and its arguments. The first candidate is named when none exists, so that the error names it. */
export async function findPauseCommand(configured: string): Promise<readonly [string, ...string[]]> {
  for (const path of configured === "" ? candidates : [configured]) {
    try {
      await access(path, constants.X_OK);
      return withArguments(path);
    } catch {
      // Looked for further down the list; a pod that needs it says what is missing.
    }
  }
  return withArguments(configured === "" ? (candidates[0] ?? "") : configured);
}

/** catatonit(1) only waits and reaps when told `-P`; other pause programs do nothing else. */
function withArguments(path: string): readonly [string, ...string[]] {
  return basename(path) === "catatonit" ? [path, "-P"] : [path];
}

import { globSync, rmdirSync } from "node:fs";

/**
 * Disposing removes those cgroups, of `paths`, that there were not before. They are parents of pods and shims; one that has cgroups
 * or processes in it, since others use it too, stays, as rmdir(2) of it fails.
 */
export function keepCgroups(paths: readonly string[]): Disposable {
  const before = new Set(directoriesOf(paths));
  return {
    [Symbol.dispose](): void {
      for (const directory of directoriesOf(paths).filter((path) => !before.has(path))) {
        try {
          rmdirSync(directory);
        } catch (reason) {
          console.error(`cgroup ${directory} stays: ${String(reason)}`);
        }
      }
    },
  };
}

/** Where they are, in the trees of version 1 and in that of version 2. */
function directoriesOf(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => globSync([`/sys/fs/cgroup${path}`, `/sys/fs/cgroup/*${path}`]));
}

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Below this, every node under test has a directory of its own, whose number is that of its lane. */
export const lanesDir = "/run/crib-tests";

const laneCount = 250;

/**
 * What one node under test has to itself, so that several run side by side on one machine: a directory, and a bridge
 * and a subnet named after its number.
 */
export interface Lane {
  readonly number: number;
  readonly dir: string;
  readonly bridge: string;
  /** The first three bytes of its addresses, such as `10.200.7`. */
  readonly prefix: string;
  /** Cgroup of its pods and shims, as a path below each hierarchy's root. */
  readonly cgroup: string;
  /** Gives the number back and removes the directory, in which nothing may be mounted any more. */
  free(): void;
}

/** Takes a free lane. The directory is the lock: whoever makes it has the lane. */
export function takeLane(): Lane {
  mkdirSync(lanesDir, { recursive: true, mode: 0o755 });
  for (let number = 0; number < laneCount; number++) {
    const lane = laneOf(number);
    try {
      mkdirSync(lane.dir, { mode: 0o755 });
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code !== "EEXIST") throw reason;
      continue;
    }
    writeFileSync(join(lane.dir, "pid"), `${process.pid}\n`);
    return lane;
  }
  throw new Error(`all ${laneCount} lanes in ${lanesDir} are taken; those of ended tests may be removed: ${ended()}`);
}

function laneOf(number: number): Lane {
  const dir = join(lanesDir, `${number}`);
  return {
    number,
    dir,
    bridge: `cribt${number}`,
    prefix: `10.200.${number}`,
    cgroup: `/cribt${number}`,
    free: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function ended(): string {
  return readdirSync(lanesDir)
    .filter((name) => {
      try {
        process.kill(Number(readFileSync(join(lanesDir, name, "pid"), "utf8")), 0);
        return false;
      } catch {
        return true;
      }
    })
    .join(", ");
}

import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { umountTree } from "@crib/linux";

import { removeBundle } from "../../tasks/bundle.ts";
import { sandboxOf } from "./snapshot.ts";
import type { ContainerStepContext } from "./types.ts";

/** Milliseconds for a mount that is left to go. */
const unmountMs = 5_000;

/**
 * Makes the container's directories. Modes are set, since the daemon's umask would take bits away. Synchronous: they are in memory, and
 * each turn of the thread pool would take longer than all of them.
 */
export async function makeFiles(context: ContainerStepContext): Promise<void> {
  const { plan, midpoint } = context;
  const { bundleDir } = plan;
  const root = sandboxOf(context).plan.userNamespace?.gids.find(({ containerId }) => containerId === 0)?.hostId;
  mkdirSync(dirname(bundleDir), { recursive: true, mode: 0o711 });
  chmodSync(dirname(bundleDir), 0o711);
  mkdirSync(bundleDir);
  await midpoint();
  // The root of a user namespace has to pass through to its root file system.
  if (root !== undefined) chownSync(bundleDir, -1, root);
  chmodSync(bundleDir, root === undefined ? 0o700 : 0o710);
  mkdirSync(join(bundleDir, "rootfs"));
  chmodSync(join(bundleDir, "rootfs"), 0o711);
}

/** Removes the bundle, and whatever is mounted below the container's directories. Absence is success. */
export async function removeFiles({ id, plan, deps, midpoint }: ContainerStepContext): Promise<void> {
  // The record's directory goes with the row, by a removal of all that is in it: nothing may be mounted there. Seldom is there more.
  if (await hasMore(plan.rootDir)) await umountTree(plan.rootDir, { timeoutMs: unmountMs });
  await midpoint();
  await removeBundle(deps.stateDir, id, (path) => umountTree(path, { timeoutMs: unmountMs }));
}

/** Whether there is anything but the record. */
async function hasMore(rootDir: string): Promise<boolean> {
  try {
    return (await readdir(rootDir)).some((name) => !name.startsWith("record.json"));
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw StatusError.from(reason, `reading "${rootDir}"`);
  }
}

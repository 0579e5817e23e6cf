import { chmod, chown, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { umountTree } from "@crib/linux";

import { removeBundle } from "../../tasks/bundle.ts";
import { sandboxOf } from "./snapshot.ts";
import type { ContainerStepContext } from "./types.ts";

/** Milliseconds for a mount that is left to go. */
const unmountMs = 5_000;

/** Makes the container's directories. Modes are set, since the daemon's umask would take bits away. */
export async function makeFiles(context: ContainerStepContext): Promise<void> {
  const { plan, midpoint } = context;
  const { bundleDir } = plan;
  const root = sandboxOf(context).plan.userNamespace?.gids.find(({ containerId }) => containerId === 0)?.hostId;
  await mkdir(dirname(bundleDir), { recursive: true, mode: 0o711 });
  await chmod(dirname(bundleDir), 0o711);
  await mkdir(bundleDir);
  await midpoint();
  // The root of a user namespace has to pass through to its root file system.
  if (root !== undefined) await chown(bundleDir, -1, root);
  await chmod(bundleDir, root === undefined ? 0o700 : 0o710);
  await mkdir(join(bundleDir, "rootfs"));
  await chmod(join(bundleDir, "rootfs"), 0o711);
}

/** Removes the bundle, and whatever is mounted below the container's directories. Absence is success. */
export async function removeFiles({ id, plan, deps, midpoint }: ContainerStepContext): Promise<void> {
  // The record's directory goes with the row, by a removal of all that is in it: nothing may be mounted there.
  await umountTree(plan.rootDir, { timeoutMs: unmountMs });
  await midpoint();
  await removeBundle(deps.stateDir, id, (path) => umountTree(path, { timeoutMs: unmountMs }));
}

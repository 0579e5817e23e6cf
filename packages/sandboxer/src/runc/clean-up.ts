import { mkdirSync, rmSync } from "node:fs";

import { killCgroup, removeCgroup } from "@crib/linux";

import { checkId } from "./identifiers.ts";
import { umountRootfs } from "./mounts/mount-rootfs.ts";
import { resolveOptions } from "./resolve-options.ts";
import { OciRuntime } from "./runtime/oci-runtime.ts";
import { runtimeSettings } from "./runtime/runtime-settings.ts";
import { readTaskRecord, taskDirectory } from "./tasks/task-record.ts";
import type { RuncTasksOptions } from "./types.ts";

const killTimeoutMs = 10_000;

/**
 * Removes a task that no service has any more: ends its processes, deletes the container, takes off its root file system and removes
 * its files. For the `delete` of a shim, and for a service that was started anew. Gives the pid that its process had, 0 when that is not
 * known. Idempotent: an unknown id succeeds. Not for a task that a living service has.
 */
export async function cleanUpRuncTask(
  options: RuncTasksOptions,
  id: string,
  known: { readonly bundle?: string } = {},
): Promise<{ readonly pid: number }> {
  const resolved = resolveOptions(options);
  const directory = taskDirectory(resolved, checkId("task", id));
  const record = readTaskRecord(directory);
  const settings = { ...runtimeSettings(resolved, undefined), ...record };
  // The runtime needs a place for its log.
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await new OciRuntime(settings, { id, directory, timeoutMs: resolved.callTimeoutMs }).delete(true);
  if (record?.pid === 0 && record.cgroupsPath !== undefined) await removeHalfMade(record.cgroupsPath);
  const bundle = record?.bundle ?? known.bundle;
  if (bundle !== undefined && record?.mountsRootfs !== false) await umountRootfs(bundle);
  rmSync(directory, { recursive: true, force: true });
  return { pid: record?.pid ?? 0 };
}

/** A runtime that was killed while it made the container has not noted what it had made, and so does not delete it. */
async function removeHalfMade(cgroupsPath: string): Promise<void> {
  // `slice:prefix:name` is systemd's to remove, which does when nothing runs in it.
  if (!cgroupsPath.startsWith("/")) return;
  await killCgroup(cgroupsPath, { timeoutMs: killTimeoutMs });
  await removeCgroup(cgroupsPath);
}

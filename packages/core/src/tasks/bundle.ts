import { rmSync } from "node:fs";
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { checkTaskId } from "./task-id.ts";

/** Names of the files in a bundle (containerd.md 2.2, and one of our own). */
export const bundleFiles = {
  spec: "config.json",
  rootfs: "rootfs",
  log: "log",
  /** Where the task service answers; written once the shim has. */
  bootstrap: "bootstrap.json",
  /** Absolute path of the shim, so that it can be called even when the handler is configured no more. */
  binary: "shim-binary-path",
  /** What removal needs to know, written before the shim is started, and its process once that is known. */
  shim: "shim.json",
} as const;

/** Absolute path of the bundle of a task. InvalidArgument when the id cannot be a file name. */
export function bundlePath(stateDir: string, id: string): string {
  return join(stateDir, "tasks", checkTaskId(id));
}

/** Where a bundle waits for its removal; task ids do not start with a dot. */
function doomedPath(stateDir: string, id: string): string {
  return join(stateDir, "tasks", `.${checkTaskId(id)}`);
}

interface MappedSpec {
  readonly linux?: {
    readonly gidMappings?: readonly { readonly containerID: number; readonly hostID: number }[];
  };
}

/**
 * Makes a bundle with its specification and an empty directory for the root file system; gives its path. The
 * container's root may pass through it when the specification maps one. AlreadyExists when there is one. A failed call
 * leaves nothing.
 */
export async function createBundle(stateDir: string, id: string, specJson: string): Promise<string> {
  const path = bundlePath(stateDir, id);
  const doing = `making bundle "${id}"`;
  const gid = mappedRootGid(specJson, doing);
  const parent = join(stateDir, "tasks");
  await mkdir(parent, { recursive: true });
  // Modes are set by chmod: the daemon's umask, made for sockets, would take the execute bits away.
  await chmod(parent, 0o711);
  try {
    await mkdir(path);
  } catch (error) {
    throw StatusError.from(error, doing);
  }
  try {
    await chmod(path, gid === undefined ? 0o700 : 0o710);
    if (gid !== undefined) await chown(path, -1, gid);
    await mkdir(join(path, bundleFiles.rootfs));
    await chmod(join(path, bundleFiles.rootfs), 0o711);
    await writeFile(join(path, bundleFiles.spec), specJson, { mode: 0o600 });
    return path;
  } catch (error) {
    // Nothing was mounted or started below it yet: these are the files made above.
    await rm(path, { recursive: true, force: true });
    throw StatusError.from(error, doing);
  }
}

function mappedRootGid(specJson: string, doing: string): number | undefined {
  try {
    const spec = JSON.parse(specJson) as MappedSpec;
    return spec.linux?.gidMappings?.find((line) => line.containerID === 0)?.hostID;
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `${doing}: the specification is not JSON`, { cause: error });
  }
}

/** Text of a file in a bundle; undefined when the file or the bundle is missing. */
export async function readBundleFile(stateDir: string, id: string, name: string): Promise<string | undefined> {
  const path = join(bundlePath(stateDir, id), name);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw StatusError.from(error, `reading "${path}"`);
  }
}

/** Writes a file of a bundle so that it is there completely or not at all. */
export async function writeBundleFile(stateDir: string, id: string, name: string, text: string): Promise<void> {
  const path = join(bundlePath(stateDir, id), name);
  try {
    // The bundle is on a tmpfs or as volatile as one: no sync, a crash of the host ends the shim as well.
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    throw StatusError.from(error, `writing "${path}"`);
  }
}

/**
 * Removes a bundle, also one whose removal was cut short; a missing one succeeds. `unmountBelow` must take off every
 * mount below the path it is given and fail when it cannot: only then are files removed.
 */
export async function removeBundle(
  stateDir: string,
  id: string,
  unmountBelow: (path: string) => Promise<void>,
): Promise<void> {
  const path = bundlePath(stateDir, id);
  const doomed = doomedPath(stateDir, id);
  const doing = `removing bundle "${id}"`;
  try {
    if (await isThere(doomed)) {
      await unmountBelow(doomed);
      await rm(doomed, { recursive: true, force: true });
    }
    await unmountBelow(path);
    await rename(path, doomed);
    // A dozen entries in memory: each turn of the thread pool would take longer than all of them.
    rmSync(doomed, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw StatusError.from(error, doing);
  }
}

/** Whether there is a bundle of an id, complete or not, or the rest of one whose removal was cut short. */
export async function hasBundle(stateDir: string, id: string): Promise<boolean> {
  return (await isThere(bundlePath(stateDir, id))) || (await isThere(doomedPath(stateDir, id)));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw StatusError.from(error, `looking for "${path}"`);
  }
}

/** Ids of all bundles, complete or not, those whose removal was cut short included. */
export async function listBundles(stateDir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(join(stateDir, "tasks"));
    return [...new Set(names.map((name) => name.replace(/^\./, "")))].sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw StatusError.from(error, `listing bundles in "${stateDir}"`);
  }
}

import { isAbsolute, join, normalize } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { bind, type HeldUserns, mount, MountFlag, mountOverlay, openUserns, umountAll } from "@crib/linux";

import { type MountOptions, parseMountOptions, parseOverlayData } from "./mount-options.ts";

/** A file system as containerd's task API names it. */
export interface RootfsMount {
  readonly type: string;
  readonly source: string;
  /** Below the root file system; empty is its root. */
  readonly target: string;
  /** As of mount(8). */
  readonly options: readonly string[];
}

/** Where the root file system of a bundle is mounted. */
export function rootfsOf(bundle: string): string {
  return join(bundle, "rootfs");
}

/** Mounts one after the other on the root file system of a bundle, which exists. A call that fails leaves nothing. */
export async function mountRootfs(mounts: readonly RootfsMount[], bundle: string): Promise<void> {
  try {
    for (const each of mounts) await mountOne(each, targetOf(each, bundle));
  } catch (error) {
    if (mounts.length > 0) await umountRootfs(bundle);
    throw error;
  }
}

/** Takes it all off again. Idempotent. */
export async function umountRootfs(bundle: string): Promise<void> {
  await umountAll(rootfsOf(bundle));
}

function targetOf({ target }: RootfsMount, bundle: string): string {
  if (target === "") return rootfsOf(bundle);
  // Joined to an absolute path first, so that nothing leads out of it.
  return join(rootfsOf(bundle), normalize(join("/", target)));
}

async function mountOne(request: RootfsMount, target: string): Promise<void> {
  const { type, source } = request;
  const options = parseMountOptions(request.options);
  using userns = options.idMappings === undefined ? undefined : await openUserns(options.idMappings);
  if (type === "bind" || (options.flags & MountFlag.BIND) !== 0) return await bindOne(source, target, options, userns);
  const overlay = type === "overlay" ? parseOverlayData(options.data) : undefined;
  if (overlay !== undefined && options.flags === 0) {
    return await mountOverlay({ ...overlay, target, usernsFd: userns?.fd });
  }
  if (userns !== undefined) {
    throw new StatusError(
      Code.Unimplemented,
      `mounting "${source}" on "${target}": ids of type "${type}" cannot be mapped`,
    );
  }
  const data = options.data.join(",");
  await mount({ source: source || type, target, type, flags: options.flags, data: data === "" ? undefined : data });
}

async function bindOne(
  source: string,
  target: string,
  { flags }: MountOptions,
  userns: HeldUserns | undefined,
): Promise<void> {
  if (!isAbsolute(source)) {
    throw new StatusError(Code.InvalidArgument, `binding "${source}" to "${target}": not an absolute path`);
  }
  const readOnly = (flags & MountFlag.RDONLY) !== 0;
  const isPlain = (flags & ~(MountFlag.BIND | MountFlag.REC | MountFlag.RDONLY)) === 0;
  if (isPlain && (flags & MountFlag.REC) === 0) return await bind({ source, target, readOnly, usernsFd: userns?.fd });
  if (userns !== undefined) return await bind({ source, target, readOnly, usernsFd: userns.fd });
  await mount({ source, target, flags: flags & (MountFlag.BIND | MountFlag.REC) });
  const rest = flags & ~(MountFlag.BIND | MountFlag.REC);
  // The other flags of a bind are set by a second call, mount(2).
  if (rest !== 0) await mount({ target, flags: MountFlag.REMOUNT | MountFlag.BIND | rest });
}

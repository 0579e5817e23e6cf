import { readFile, stat } from "node:fs/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { formatReference, type ImageConfig, type ImageReference, tagReference } from "@crib/oci-spec";

import { pauseArchive } from "../../images/pause-archive.ts";
import type { Image, ImageAdmin, Images } from "../../images/types.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import { makeMountPoints } from "./mount-points.ts";
import type { PauseRoot, PauseRoots } from "./types.ts";

/** What pause processes are made from, and where it is kept. */
export interface ImagePauseOptions {
  readonly images: Pick<Images, "find" | "list" | "pull" | "config" | "prepareSnapshot"> &
    Pick<ImageAdmin, "importArchive"> & {
      /** Has what nothing needs any more be removed in the background. */
      collectSoon(): void;
    };
  readonly snapshots: Pick<Snapshots, "find" | "materialize" | "mountSpecs" | "remove">;
  /** A static program that waits and reaps, with its arguments; crib makes an image of it. */
  readonly program: readonly [string, ...string[]];
  /** An image to pull instead, when it is not there. */
  readonly image: ImageReference | undefined;
  /** A directory of the daemon for the mount points that a pulled image lacks; made when it is needed. */
  readonly mountPointsDir: string;
}

/** An image with what a process of it is started from. */
interface PauseImage {
  readonly name: string;
  /** Whether it has all that something is mounted on. */
  readonly isComplete: boolean;
  readonly process: Omit<PauseRoot, "mounts">;
}

/**
 * Pause roots from the image store: each pod holds a read-only snapshot of the pause image, so that nothing can remove what
 * its pause runs from. The built-in image is made when the first pod needs it, and again when its program has changed.
 */
export function imagePauseRoots(options: ImagePauseOptions): PauseRoots {
  const { images, snapshots } = options;
  const source = options.image === undefined ? builtIn(options) : pulled(options, options.image);

  const hold = async (id: string, signal: AbortSignal): Promise<PauseImage> => {
    const image = await source(signal);
    images.prepareSnapshot(image.name, { key: keyOf(id), kind: "view", owner: id });
    return image;
  };

  const mountsOf = async (id: string, { isComplete }: PauseImage): Promise<PauseRoot["mounts"]> => {
    if (isComplete) return snapshots.mountSpecs(keyOf(id));
    await makeMountPoints(options.mountPointsDir);
    return snapshots.mountSpecs(keyOf(id), { below: options.mountPointsDir });
  };

  return {
    async prepare(id, signal): Promise<PauseRoot> {
      try {
        // Removed between being found and being held: it is made or pulled once more.
        const image = await hold(id, signal).catch((reason: unknown) => {
          if (hasCode(reason, Code.NotFound) && !signal.aborted) return hold(id, signal);
          throw reason;
        });
        await snapshots.materialize(keyOf(id), signal);
        return { ...image.process, mounts: await mountsOf(id, image) };
      } catch (reason) {
        throw StatusError.from(reason, `preparing the root of the pause of "${id}"`);
      }
    },
    async release(id, signal): Promise<void> {
      const layer = snapshots.find(keyOf(id))?.parent;
      await snapshots.remove(keyOf(id), signal);
      // Nobody but this pod kept the layers of an image that was removed; usually it is still there.
      const isKept = images.list().some(({ layers }) => layers.at(-1)?.chainId === layer);
      if (layer !== undefined && !isKept) images.collectSoon();
    },
  };
}

function keyOf(sandboxId: string): string {
  return `pause-${sandboxId}`;
}

type PauseSource = (signal: AbortSignal) => Promise<PauseImage>;

function builtIn({ images, program: [path, ...args] }: ImagePauseOptions): PauseSource {
  let made: { readonly key: string; readonly image: PauseImage } | undefined;
  let running: Promise<PauseImage> | undefined;

  const make = async (): Promise<PauseImage> => {
    // Read again only when the file is another one: a pod should not wait for a hash of it.
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    const key = [ino, size, mtimeNs, ctimeNs].join();
    if (made?.key === key && images.find(made.image.name)) return made.image;
    // Nobody's own wait: other pods stand in line for the same image.
    const { signal } = new AbortController();
    const { name, archive } = pauseArchive(await readFile(path), args, signal);
    const found = images.find(formatReference(name));
    const [image] = found ? [found] : await images.importArchive(archive, { name, pinned: true }, signal);
    made = { key, image: { ...(await describe(images, image, formatReference(name))), isComplete: true } };
    return made.image;
  };

  return () => (running ??= make().finally(() => (running = undefined)));
}

function pulled({ images }: ImagePauseOptions, reference: ImageReference): PauseSource {
  return async (signal) => {
    const name = formatReference(reference);
    const image = images.find(name) ?? (await images.pull({ reference, runtimeHandler: "" }, signal));
    return describe(images, image, reference.digest === undefined ? (tagReference(reference) ?? name) : name);
  };
}

async function describe(images: Pick<Images, "config">, image: Image | undefined, name: string): Promise<PauseImage> {
  if (!image) throw new StatusError(Code.Internal, `image "${name}": its archive held none`);
  const config = await images.config(image.id);
  const args = [...config.entrypoint, ...config.cmd];
  if (args.length === 0) {
    throw new StatusError(Code.FailedPrecondition, `image "${name}": it names no program, so it is no pause image`);
  }
  const user = userOf(config);
  return {
    name,
    isComplete: false,
    process: { args, env: config.env, cwd: config.workingDir || "/", ...(user && { user }) },
  };
}

/** Numbers only: names would have to be looked up in the image, and a pause has no need of them. */
function userOf({ user }: ImageConfig): PauseRoot["user"] {
  const [, uid, gid] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid ?? uid) };
}

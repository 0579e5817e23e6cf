import { stat } from "node:fs/promises";
import { join } from "node:path";

import { isDigest } from "@crib/oci-spec";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { imageRoots } from "./image-roots.ts";

/**
 * Blobs that neither an image nor a pull leads to. Those that came a short while ago may be of a pull that failed and will be
 * tried again; the daemon removes them when that time is over.
 */
export const blobs: LeakCounter = {
  name: "blobs",
  async find(context): Promise<readonly Finding[]> {
    const all = await listBlobs(context);
    if (all.length === 0) return [];
    const live = imageRoots(await context.images(), (await context.daemon()) !== undefined).blobs;
    const findings = await Promise.all(
      all.filter(({ digest }) => !live.has(digest)).map((blob) => judge(context, blob)),
    );
    return findings.flat();
  },
};

interface Blob {
  readonly digest: string;
  readonly path: string;
}

async function listBlobs({ config }: LeakContext): Promise<readonly Blob[]> {
  const dir = join(config.root, "content", "blobs");
  const algorithms = await listDir(dir);
  const lists = await Promise.all(
    algorithms.map(async ({ name: algorithm }) =>
      (await listDir(join(dir, algorithm))).map(({ name }) => ({
        digest: `${algorithm}:${name}`,
        path: join(dir, algorithm, name),
      })),
    ),
  );
  return lists.flat();
}

async function judge({ config }: LeakContext, { digest, path }: Blob): Promise<readonly Finding[]> {
  if (!isDigest(digest)) return [{ counter: "blobs", what: "file", path, why: "no blob has such a name" }];
  const found = await stat(path).catch(() => undefined); // it went meanwhile
  // The change time is when it was renamed to this place.
  if (!found || Date.now() - found.ctimeMs < config.keepPartialsMs) return [];
  return [{ counter: "blobs", what: `blob of ${found.size} bytes`, path, why: "no image and no pull leads to it" }];
}

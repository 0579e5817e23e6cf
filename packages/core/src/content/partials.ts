import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { ContentStore } from "./types.ts";

/** The partial files of a store, and who holds which. */
export interface Partials {
  /** Keeps a file from being listed and dropped until the function it gives is called. AlreadyExists while another holds it. */
  hold(path: string): () => void;
  /** Settles when a drop of this file that had begun before it was held is over. */
  dropped(path: string): Promise<void>;
  list(): ReturnType<ContentStore["listPartials"]>;
  drop(olderThanMs: number, digests?: ReadonlySet<string>): Promise<number>;
}

/** Looks after the files of a folder. Whatever is in there and is held by nobody is partial. */
export function openPartials(dir: string): Partials {
  const held = new Set<string>();
  const dropping = new Map<string, Promise<void>>();

  const list: Partials["list"] = async () => {
    const partials = [];
    for (const name of await readdir(dir)) {
      const path = join(dir, name);
      if (held.has(path)) continue;
      const found = await stat(path).catch(() => undefined); // committed in between
      if (!found) continue;
      partials.push({ digest: name.replace("-", ":"), path, size: found.size, modifiedMs: found.mtimeMs });
    }
    return partials;
  };

  return {
    hold(path): () => void {
      if (held.has(path)) {
        throw new StatusError(Code.AlreadyExists, `partial file "${basename(path)}": it is being written`);
      }
      held.add(path);
      return () => held.delete(path);
    },
    dropped: (path) => dropping.get(path) ?? Promise.resolve(),
    list,
    async drop(olderThanMs, digests): Promise<number> {
      let dropped = 0;
      for (const { digest, path, modifiedMs } of await list()) {
        if (digests && !digests.has(digest)) continue;
        // Asked again right before, since a pull may have taken it up meanwhile.
        // Times of files have a finer grain than those of the clock.
        if (Math.max(0, Date.now() - modifiedMs) < olderThanMs || held.has(path)) continue;
        const removal = rm(path, { force: true, recursive: true }).finally(() => dropping.delete(path));
        dropping.set(path, removal);
        await removal;
        dropped++;
      }
      return dropped;
    },
  };
}

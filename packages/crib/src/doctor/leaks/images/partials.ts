import { stat } from "node:fs/promises";
import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** Partial blobs that no running pull writes and that are too old to be resumed. */
export const partials: LeakCounter = {
  name: "partials",
  async find(context): Promise<readonly Finding[]> {
    const { config } = context;
    const dir = join(config.root, "content", "ingest");
    const entries = await Promise.all(
      (await listDir(dir)).map(async ({ name }) => {
        const path = join(dir, name);
        return { name, path, found: await stat(path).catch(() => undefined) };
      }),
    );
    const old = entries.filter(({ found }) => found && Date.now() - found.mtimeMs >= config.keepPartialsMs);
    if (old.length === 0) return [];
    // One that waits for a slow registry is in use however old; of a dead daemon none is.
    const isRunning = (await context.daemon()) !== undefined;
    const wanted = new Set(isRunning ? (await context.images()).pulls.flatMap((pull) => pull.blobs) : []);
    return old
      .filter(({ name }) => !wanted.has(name.replace("-", ":")))
      .map(({ path, found }) => ({
        counter: "partials",
        what: `partial blob of ${found?.size ?? 0} bytes`,
        path,
        why: "no pull has gone on with it in time",
      }));
  },
};
